//! What several tests need: the servers of this repository.

#![allow(dead_code, reason = "each test needs a part of it")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use wsspec::programs::{Built, Workspace};
use wsspec::target::{CargoTarget, Server, TargetError, Variant};

/// The folder of the six frameworks.
pub(crate) const OURS: &str = "crates";

/// The folder of the document's servers, in Go.
pub(crate) const GO: &str = "examples/go";

/// The folder of the servers that others wrote, in many languages.
pub(crate) const THIRD_PARTY: &str = "tests/third_party";

/// Every server of this repository that has a `server.toml`, ours first.
pub(crate) fn servers() -> Result<Vec<Server>, TargetError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = [OURS, GO, THIRD_PARTY]
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

/// The programs of all servers that cargo builds.
pub(crate) fn programs(servers: &[Server]) -> Vec<CargoTarget> {
    let variants = servers.iter().flat_map(Server::variants);
    let programs: BTreeSet<_> = variants
        .filter_map(|(_, _, variant)| variant.cargo.clone())
        .collect();
    programs.into_iter().collect()
}

/// Builds the programs of the wanted variants, in a handful of calls.
pub(crate) fn build(
    servers: &[Server],
    wanted: impl Fn(&Server, &str) -> bool,
) -> Result<Built, TargetError> {
    let variants = servers.iter().flat_map(Server::variants);
    let wanted: BTreeSet<&CargoTarget> = variants
        .filter(|(server, name, _)| wanted(server, name))
        .filter_map(|(_, _, variant): (_, _, &Variant)| variant.cargo.as_ref())
        .collect();
    if wanted.is_empty() {
        return Ok(Built::new());
    }
    let workspace = Workspace::of(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    // The groups are those of all servers, so that every test finds what
    // another one has built.
    let all = programs(&self::servers()?);
    workspace.build_all(&all, false, |it| wanted.contains(it))
}

/// Whether everything is tested, and not only what `cargo test` is for.
pub(crate) fn is_full() -> bool {
    std::env::var_os("FULL").is_some()
}

/// Whether a variant is judged by `cargo test`: the listings and what one would
/// deploy. `FULL=1` judges all.
pub(crate) fn is_in_tier(server: &Server, variant: &str) -> bool {
    let is_first = ["echo", "production"].contains(&variant);
    is_full() || is_first && is_in(OURS, server)
}
