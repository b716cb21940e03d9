"""The subcommands of ``hil-serl``, one file each: ``add_arguments(parser)`` and ``run(arguments) -> exit code``."""
