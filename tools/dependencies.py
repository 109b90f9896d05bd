"""Build hook: the package's dependencies are the lines of requirements/runtime.in, so that they are written once."""

from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface


class RuntimeRequirements(MetadataHookInterface):
    """Reads the list when the package is built."""

    def update(self, metadata: dict) -> None:
        """Put the requirements into the metadata, without the comments that give their reasons."""
        lines = (Path(self.root) / "requirements" / "runtime.in").read_text().splitlines()
        wanted = (line.split("#")[0].strip() for line in lines)
        metadata["dependencies"] = [line for line in wanted if line]
