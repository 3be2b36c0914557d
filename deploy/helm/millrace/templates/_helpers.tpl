{{- define "millrace.labels" -}}
app.kubernetes.io/name: millrace
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "millrace.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "millrace.podSecurity" -}}
automountServiceAccountToken: false
serviceAccountName: {{ .Release.Name }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  seccompProfile: { type: RuntimeDefault }
volumes:
  - name: tmp
    emptyDir: { sizeLimit: 256Mi }
{{- end }}

{{- define "millrace.container" -}}
image: {{ include "millrace.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
volumeMounts:
  - { name: tmp, mountPath: /tmp }
{{- end }}

{{- /* Of the chart and a kind of process: list $ "api". */ -}}
{{- define "millrace.env" -}}
{{- $root := index . 0 -}}
{{- $key := ternary (printf "database-url-%s" (index . 1)) "database-url" $root.Values.databaseRoles -}}
- name: DATABASE_URL
  valueFrom: { secretKeyRef: { name: {{ $root.Values.existingSecret }}, key: {{ $key }} } }
{{- if $root.Values.transport.fromSecret }}
- name: MILLRACE_TRANSPORT
  valueFrom: { secretKeyRef: { name: {{ $root.Values.existingSecret }}, key: transport-url } }
{{- end }}
{{- end }}

{{- /* Of whoever sets secrets of jobs, and whoever needs them. */ -}}
{{- define "millrace.secretKeys" -}}
- name: MILLRACE_SECRET_KEYS
  valueFrom: { secretKeyRef: { name: {{ .Values.existingSecret }}, key: secret-keys, optional: true } }
{{- end }}

{{- /* A process that does not start, or does no work for a minute, is started anew; one that is ill because the database is away is not. */ -}}
{{- define "millrace.probes" -}}
startupProbe:
  httpGet: { path: /readyz, port: probes }
  periodSeconds: 3
  timeoutSeconds: 6
  failureThreshold: 40
readinessProbe:
  httpGet: { path: /readyz, port: probes }
  periodSeconds: 5
  timeoutSeconds: 6
  failureThreshold: 2
livenessProbe:
  httpGet: { path: /healthz, port: probes }
  periodSeconds: 10
  timeoutSeconds: 6
  failureThreshold: 6
{{- end }}
