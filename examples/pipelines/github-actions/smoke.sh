#!/usr/bin/env bash
# Calls the API of a deployed stack and starts one process: fails unless the run ends well.
#
# API_URL, API_KEY  as terraform's outputs have them
# ID_PROCESO        the process to start
# CLAVE             an idempotency key: the same key is the same run, so a step that is repeated starts nothing twice
# SEGUNDOS          for how long the run is awaited (180)
set -euo pipefail

: "${API_URL:?}" "${API_KEY:?}" "${ID_PROCESO:?}" "${CLAVE:?}"
url="${API_URL%/}"
answer="$(mktemp)"
trap 'rm -f "$answer"' EXIT

# ask METHOD PATH STATUS [curl's options]: the answer's body is in $answer. The key goes in by a file, out of sight of `ps`.
ask() {
  local method="$1" path="$2" wanted="$3" status
  shift 3
  status="$(curl --silent --show-error --max-time 40 --retry 3 --retry-connrefused \
    --request "$method" --output "$answer" --write-out '%{http_code}' \
    --header @<(printf 'x-api-key: %s\n' "$API_KEY") "$@" "$url$path")"
  if [[ "$status" != "$wanted" ]]; then
    echo "$method $path answered $status, not $wanted:" >&2
    cat "$answer" >&2
    return 1
  fi
}

ask GET /salud 200
ask GET "/Procesos/$ID_PROCESO" 200
echo "El proceso es \"$(jq --raw-output .Nombre "$answer")\"."

ask POST "/Procesos/$ID_PROCESO/Ejecuciones" 202 --header "Idempotency-Key: $CLAVE" --header 'Content-Type:' --data ''
run="$(jq --raw-output .IdEjecucion "$answer")"
echo "La ejecución es $run."

deadline=$((SECONDS + ${SEGUNDOS:-180}))
while :; do
  ask GET "/Procesos/$ID_PROCESO/Ejecuciones" 200
  line="$(jq --compact-output --arg run "$run" '.Ejecuciones[] | select(.IdEjecucion == $run)' "$answer")"
  state="$(jq --raw-output '.Estado // empty' <<<"$line")"
  case "$state" in
    EjecutadoOk)
      echo "Terminó bien: $(jq --raw-output '.Respuesta // "sin respuesta"' <<<"$line")"
      exit 0
      ;;
    Omitido)
      echo "No se ejecutó: $line" >&2
      exit 1
      ;;
  esac
  # ErrorAlEjecutar may still be tried again.
  if ((SECONDS >= deadline)); then
    echo "No terminó bien en ${SEGUNDOS:-180} segundos: ${line:-no aparece en la historia}" >&2
    exit 1
  fi
  sleep 3
done
