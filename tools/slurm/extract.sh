#!/bin/bash
# Fetches Debian's Slurm and extracts it below a folder, without installing anything: for apps/cli/test/slurm.spec.ts.
#   tools/slurm/extract.sh /tmp/slurm && HAZURE_SLURM_ROOT=/tmp/slurm npx nx test @hazure/cli -- slurm
set -euo pipefail
root=${1:?usage: extract.sh FOLDER}
mkdir -p "$root/packages"
cd "$root/packages"
apt-get download slurmctld slurmd slurm-client slurm-wlm-basic-plugins libmunge2 libslurm38 libhwloc15
for package in *.deb; do dpkg -x "$package" "$root"; done
echo "Slurm is in $root"
