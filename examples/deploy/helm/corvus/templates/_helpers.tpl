{{- define "corvus.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "corvus.labels" -}}
{{ include "corvus.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "corvus.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "corvus.container" -}}
image: {{ include "corvus.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  - name: CORVUS_GOVERNANCE__LEDGER__PATH
    value: /var/lib/corvus/ledger.duckdb
  {{- with .Values.store.url }}
  - name: CORVUS_GOVERNANCE__LEDGER__URL
    value: {{ . | quote }}
  {{- end }}
  {{- with .Values.store.passwordSecret }}
  - name: PGPASSWORD
    valueFrom:
      secretKeyRef:
        name: {{ . }}
        key: password
  {{- end }}
  - name: CORVUS_GOVERNANCE__GATEWAY__HOST
    value: 0.0.0.0
  - name: CORVUS_GOVERNANCE__GATEWAY__ALLOWED_HOSTS
    value: {{ list .Values.host | toJson | quote }}
  - name: CORVUS_GOVERNANCE__GATEWAY__ALLOWED_ORIGINS
    value: {{ list (printf "https://%s" .Values.host) | toJson | quote }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
volumeMounts:
  - name: config
    mountPath: /etc/corvus
    readOnly: true
  - name: state
    mountPath: /var/lib/corvus
  - name: tmp
    mountPath: /tmp
{{- end }}
