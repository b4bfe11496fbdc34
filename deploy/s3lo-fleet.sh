#!/bin/sh
# Bring the images that every node of a fleet needs, before they are asked for.
#
# Reads /etc/s3lo/fleet.env (or the file that S3LO_FLEET_ENV names):
#
#   IMAGES="s3://bucket/vllm:v3 s3://bucket/tools:v7"   one pull each, in this order
#   RUNTIME=docker            docker | containerd
#   REQUIRED=no               yes: a failed pull fails this script (and drains a Slurm node)
#   S3LO_TMPDIR=/mnt/nvme     and any other S3LO_ or AWS_ variable
#
# Two at once on a node wait for each other; an image that is there already moves nothing.
set -u

env_file=${S3LO_FLEET_ENV:-/etc/s3lo/fleet.env}
set -a
# shellcheck source=/dev/null
. "$env_file" || exit 1
set +a

scratch=${S3LO_TMPDIR:-${TMPDIR:-/tmp}}
lock=${S3LO_FLEET_LOCK:-/var/lock/s3lo-fleet.lock}

bring() {
    case ${RUNTIME:-docker} in
    docker) s3lo pull "$1" --quiet ;;
    containerd)
        archive=$(mktemp -u "$scratch/s3lo-fleet.XXXXXX.tar")
        s3lo pull "$1" --quiet --to "oci-archive:$archive" &&
            ctr -n "${CONTAINERD_NAMESPACE:-k8s.io}" images import "$archive"
        brought=$?
        rm -f "$archive"
        return "$brought"
        ;;
    *)
        echo "s3lo-fleet: RUNTIME=$RUNTIME is neither docker nor containerd" >&2
        return 2
        ;;
    esac
}

exec 9>"$lock" || exit 1
flock 9
status=0
for image in ${IMAGES:?s3lo-fleet: IMAGES names nothing}; do
    bring "$image" || {
        status=$?
        echo "s3lo-fleet: $image was not brought (exit status $status)" >&2
    }
done
[ "${REQUIRED:-no}" = yes ] || status=0
exit "$status"
