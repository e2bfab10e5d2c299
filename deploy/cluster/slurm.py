"""A scheduler here and a SLURM job for each worker, until Ctrl-C. See the book's page on SLURM.

python deploy/cluster/slurm.py --workers 16 --interface ib0 -- --partition=short --account=teaching
"""

from __future__ import annotations

import argparse
import contextlib
import signal

from dask_jobqueue import SLURMCluster
from distributed import Security


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=8, metavar="N", help="submissions at a time (default: 8)")
    parser.add_argument(
        "--interface", required=True, help="the network that login and compute nodes share: ip -brief addr"
    )
    parser.add_argument("--walltime", default="02:00:00", help="of each job (default: 02:00:00)")
    parser.add_argument("directives", nargs="*", metavar="SBATCH_OPTION", help="for each job, after --")
    options = parser.parse_args()
    cluster = SLURMCluster(
        cores=1,  # one submission at a time, each TensorFlow with one thread
        processes=1,
        memory="4GB",  # a fork server, a submission at its limit of 2 GB, and dask
        walltime=options.walltime,
        interface=options.interface,
        protocol="tls://",
        security=Security(),  # what DASK_CONFIG says
        job_name="autograder",
        job_extra_directives=options.directives,
        scheduler_options={"dashboard": False},
    )
    with cluster:
        cluster.scale(jobs=options.workers)
        print(cluster.job_script())
        print(
            f"When the workers are there:\nautograder grade EXERCISE --course DIR --sandbox require \\\n"
            f"    --scheduler {cluster.scheduler_address}",
            flush=True,
        )
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
