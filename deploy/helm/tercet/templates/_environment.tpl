{{/* A service's variables; what is secret stands in files. */}}
{{- define "tercet.environment" -}}
- {name: TERCET_SERVICE, value: {{ .service }}}
- {name: TERCET_DATABASE_URL_FILE, value: /run/tercet/database-url}
- {name: TERCET_NATS_URL_FILE, value: /run/tercet/nats-url}
- {name: TERCET_KEYS_DIR, value: /run/tercet/keys}
{{- if has .service (list "gateway" "marketing") }}
- {name: TERCET_ENCRYPTION_KEYS_FILE, value: /run/tercet/encryption-keys}
{{- end }}
- {name: TERCET_POOL_SIZE, value: {{ .settings.pool.size | quote }}}
- {name: TERCET_POOL_OVERFLOW, value: {{ .settings.pool.overflow | quote }}}
{{- if eq .service "gateway" }}
- {name: TERCET_EDGE_REPLICAS, value: {{ .settings.replicas | quote }}}
- {name: TERCET_EDGE_TRUSTED_PROXIES, value: {{ .root.Values.gateway.trustedProxies | quote }}}
{{- with .root.Values.gateway.corsOrigins }}
- {name: TERCET_EDGE_CORS_ORIGINS, value: {{ join "," . | quote }}}
{{- end }}
{{- end }}
{{- range $variable := list "TERCET_PEERS" "TERCET_ENVIRONMENT" "TERCET_LOG_LEVEL" "TERCET_PUBLIC_URL" "TERCET_OTLP_ENDPOINT" "TERCET_TRACE_SHARE" "TERCET_STREAM_REPLICAS" "TERCET_STREAM_MAX_BYTES" }}
- name: {{ $variable }}
  valueFrom: {configMapKeyRef: {name: {{ include "tercet.name" $.root }}, key: {{ $variable }}}}
{{- end }}
{{- end -}}

{{- define "tercet.mounts" -}}
- {name: secrets, mountPath: /run/tercet, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- end -}}
