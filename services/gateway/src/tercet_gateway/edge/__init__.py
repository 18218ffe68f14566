"""The edge: REST, OpenAPI and server-sent events derived from the protos. The only part that knows HTTP and grpc."""
