"""The least such a stack can do: FastAPI -> grpc.aio -> one committed INSERT. Every figure of ours is quoted against
it.
"""
