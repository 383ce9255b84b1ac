"""The recorder's own command line, as it runs in the pod or, started by the client, on this machine."""

import argparse
import sys
from pathlib import Path

from recorder.log.errors import AuditError


def _agent(arguments: argparse.Namespace) -> int:
    from recorder import agent, config

    agent.Agent(config.parse("".join(arguments.config)), arguments.spool).run()
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    from recorder import config, serve

    config.check_protocol(arguments.protocol)
    return serve.serve(arguments.spool, arguments.offset, arguments.report)


def _status(arguments: argparse.Namespace) -> int:
    from recorder import serve

    return serve.status(arguments.spool)


def _doctor(arguments: argparse.Namespace) -> int:
    from recorder import doctor

    return doctor.doctor(arguments.spool, arguments.sysfs, arguments.every_way)


def main(argv: list[str] | None = None) -> int:
    """Runs one command and returns the exit code; a foreseeable fault is one line on stderr."""
    parser = argparse.ArgumentParser(prog="ebpfaudit-recorder", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    agent = commands.add_parser("agent", help="record into a spool folder")
    about = "what to record, JSON (recorder/config.py); of several, one part after the other"
    agent.add_argument("--config", required=True, action="append", help=about)
    agent.set_defaults(run=_agent)
    serve = commands.add_parser("serve", help="write a recorder's log to stdout as it grows")
    serve.add_argument("--from", dest="offset", type=int, default=0, help="byte of the log to begin with")
    serve.add_argument("--protocol", type=int, required=True, help="what the client speaks (recorder/config.py)")
    serve.add_argument("--report", action="store_true", help="say on stderr how much of the log waits")
    serve.set_defaults(run=_serve)
    status = commands.add_parser("status", help="say how a recorder does, as JSON on stdout")
    status.set_defaults(run=_status)
    doctor = commands.add_parser("doctor", help="say as JSON whether recording works on this node")
    doctor.add_argument("--sysfs", type=Path, default=Path("/sys"), help="where the node's /sys is")
    doctor.add_argument("--every-way", action="store_true", help="also try the ways that are not the best")
    doctor.set_defaults(run=_doctor)
    for command in (agent, serve, status, doctor):
        command.add_argument("--spool", required=True, type=Path, help="folder of the log and the control socket")
    arguments = parser.parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except AuditError as error:
        print(f"error: {error}", file=sys.stderr)
        if error.details:
            print(error.details, file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the client is gone
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
