"""Uploads as the reader opens them."""

from app.readers.checkpoints import Mapped, open_checkpoint, values


class Upload:
    """A saved object, opened."""

    def __init__(self, folder, raw):
        self.path = folder / "upload"
        self.path.write_bytes(raw)
        with self.path.open("rb") as file:
            self.checkpoint = open_checkpoint(file.fileno())
            self.mapped = Mapped(file.fileno())
        self.tensors = self.checkpoint.tensors
        self.names = [t.name for t in self.tensors]
        self.groups = {t.name: t.group for t in self.tensors}

    def __getitem__(self, name):
        return next(t for t in self.tensors if t.name == name)

    def values(self, name):
        return values(self.mapped, self[name])
