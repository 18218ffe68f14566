{{/* Names: at most 63 signs, the release's name not said twice. */}}
{{- define "tercet.name" -}}
{{- if contains .Chart.Name .Release.Name -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{/* Services in the order in which an upgrade is thought of: the gateway last. */}}
{{- define "tercet.services" -}}leads,sales,marketing,service-desk,gateway{{- end -}}

{{/* Whose events each service takes: a scaler that asks for a consumer that is not there scales nothing. */}}
{{- define "tercet.sources" -}}
leads: [leads, sales, gateway]
sales: [leads, sales, service-desk, gateway]
marketing: [leads, sales, marketing, service-desk, gateway]
service-desk: [leads, sales, marketing, service-desk, gateway]
gateway: [leads, sales, marketing, service-desk, gateway]
{{- end -}}

{{/* One service's settings: the defaults under its own. Call with (dict "root" $ "service" name). */}}
{{- define "tercet.settings" -}}
{{- $own := index .root.Values.services .service | default dict -}}
{{- toYaml (mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy $own)) -}}
{{- end -}}

{{- define "tercet.labels" -}}
app.kubernetes.io/name: tercet
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/part-of: tercet
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tercet.selector" -}}
app.kubernetes.io/name: tercet
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* metadata of an object. Call with (dict "root" $ "component" c "name" n) and, where needed, "annotations". */}}
{{- define "tercet.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "tercet.labels" . | nindent 2 }}
{{- with .labels }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "tercet.image" -}}
{{- $image := .root.Values.image -}}
{{- $reference := printf "%s%s%s" .root.Values.imageRegistry $image.repository .service -}}
{{- with index $image.digests .service -}}{{ $reference }}@{{ . }}
{{- else -}}{{ $reference }}:{{ $image.tag | default .root.Chart.AppVersion }}{{- end -}}
{{- end -}}

{{/* The image of a server: (dict "root" $ "image" values). */}}
{{- define "tercet.serverImage" -}}
{{- $reference := printf "%s%s" .root.Values.imageRegistry .image.repository -}}
{{- if .image.digest -}}{{ $reference }}@{{ .image.digest }}{{- else -}}{{ $reference }}:{{ .image.tag }}{{- end -}}
{{- end -}}

{{- define "tercet.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "tercet.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "tercet.host" -}}
{{ include "tercet.name" .root }}-{{ .component }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.clusterDomain }}
{{- end -}}

{{/* Where each service is: headless, so that a client sees every pod and takes turns. */}}
{{- define "tercet.peers" -}}
{{- $root := . -}}
{{- $peers := list -}}
{{- range $service := splitList "," (include "tercet.services" .) -}}
{{- $peers = append $peers (printf "%s=%s:9090" $service (include "tercet.host" (dict "root" $root "component" $service))) -}}
{{- end -}}
{{- join "," $peers -}}
{{- end -}}

{{/* What a service reads of the Secret, as files: only its own. */}}
{{- define "tercet.secretItems" -}}
- {key: {{ .service }}.database-url, path: database-url}
- {key: nats-url, path: nats-url}
- {key: {{ .service }}.private.jwk, path: keys/{{ .service }}.private.jwk}
- {key: jwks.json, path: keys/jwks.json}
{{- if has .service (list "gateway" "marketing") }}
- {key: encryption-keys, path: encryption-keys}
{{- end }}
{{- end -}}
