#!/bin/sh
# First process of the application inside the enclave: the relay to the device, the two vsock bridges, the enclave.
# If any of them ends, all end: the enclave's keys die with it, and the host sees it go.
set -eu

RUN=/run/cloister
PARTICIPANT_VSOCK_PORT=8443
BOUNDARY_VSOCK_PORT=8444
export MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=2147483648 MALLOC_TOP_PAD_=67108864

mkdir -m 0700 -p "$RUN"
trap 'trap - EXIT TERM INT; kill 0' EXIT TERM INT

watched() { "$@" || true; kill -TERM $$; }

watched /enclave/nsm-bridge.pl "$RUN/nsm.sock" &
watched socat "VSOCK-LISTEN:$PARTICIPANT_VSOCK_PORT,fork,backlog=128" "UNIX-CONNECT:$RUN/participants.sock" &
watched socat "VSOCK-LISTEN:$BOUNDARY_VSOCK_PORT,fork" "UNIX-CONNECT:$RUN/boundary.sock" &

watched node --max-semi-space-size=2 --permission --allow-fs-read=/enclave/enclave.mjs /enclave/enclave.mjs \
  --nsm "$RUN/nsm.sock" --listen "$RUN/participants.sock" --boundary "$RUN/boundary.sock" "$@" &

# A trap runs between commands and during `wait`, not while a command runs in the foreground.
wait
