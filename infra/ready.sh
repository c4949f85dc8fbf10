#!/bin/bash
# Exits 0 where the server of this container is ready to serve, and 1 where it is not. The image has no curl.
set -euo pipefail

address=${ROOKERY_ADMIN_LISTEN:-${ROOKERY_LISTEN:-127.0.0.1:8000}}
exec 3<>"/dev/tcp/127.0.0.1/${address##*:}"
printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r _ status _ <&3
[ "$status" = 200 ]
