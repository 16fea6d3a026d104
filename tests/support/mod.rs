//! What several tests need: the servers of this repository.

use std::path::{Path, PathBuf};

use wsspec::target::{Server, TargetError};

/// Every server of this repository that has a `server.toml`, ours first.
pub(crate) fn servers() -> Result<Vec<Server>, TargetError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = ["crates", "tests/strangers"]
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

/// Whether a server is one of `crates/`, and no stranger.
pub(crate) fn is_ours(server: &Server) -> bool {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    server.folder.starts_with(crates)
}
