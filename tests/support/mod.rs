//! What several tests need: the servers of this repository.

use std::path::{Path, PathBuf};

use wsspec::target::{Server, TargetError};

/// The folder of the six frameworks.
pub(crate) const OURS: &str = "crates";

/// The folder of the document's servers, in Go.
pub(crate) const GO: &str = "examples/go";

/// Every server of this repository that has a `server.toml`, ours first.
pub(crate) fn servers() -> Result<Vec<Server>, TargetError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = [OURS, GO, "tests/strangers"]
        .iter()
        .filter_map(|folder| std::fs::read_dir(root.join(folder)).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("server.toml")))
        .filter(|file| file.exists())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| Server::load(file))
        .collect()
}

/// Whether a server is in this folder of the repository.
pub(crate) fn is_in(folder: &str, server: &Server) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    server.folder.starts_with(root.join(folder))
}
