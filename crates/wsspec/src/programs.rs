//! Many programs of one cargo workspace, built in a handful of calls.
//!
//! Cargo unifies the features of all packages that one call names. Built
//! together, axum beside warp would speak HTTP/2, which axum alone does not.
//! Built one by one, the same tokio is compiled ten times, since each program
//! asks for other features of it. So the programs are built in groups. In a
//! group every crate has the features that it has in a build of that program
//! alone, but for two kinds: neutral crates, whose features change nothing
//! that a server does, and additive features, listed with a reason.
//!
//! The workspace names a package in `[workspace.metadata.programs] align`. Its
//! dependencies are the neutral crates, with the union of the features that
//! programs ask for. No program depends on it; it is only named in each call,
//! so that all calls agree on what they share. Its `[package.metadata.additive]`
//! lists the additive features.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use serde::{Deserialize, Serialize};

use crate::target::{CargoTarget, TargetError};

/// The features of each crate, by its name and version.
pub type Features = BTreeMap<String, BTreeSet<String>>;

/// A cargo workspace, and what of its crates may differ.
#[derive(Debug)]
pub struct Workspace {
    /// Its folder.
    pub root: PathBuf,
    target: PathBuf,
    /// The package that is named in each call, if the workspace has one.
    align: Option<Align>,
    /// Changes when the resolution of features may.
    key: u64,
}

#[derive(Debug)]
struct Align {
    package: String,
    neutral: BTreeSet<String>,
    additive: BTreeSet<(String, String)>,
}

/// Programs that are built in one call.
pub type Group = Vec<CargoTarget>;

/// The executables of programs.
pub type Built = BTreeMap<CargoTarget, Option<PathBuf>>;

impl Workspace {
    /// The workspace that a folder is in.
    ///
    /// # Errors
    ///
    /// A folder in which cargo finds no workspace, or one that it can't read.
    pub fn of(folder: &Path) -> Result<Self, TargetError> {
        let mut cargo = cargo(folder);
        cargo.args(["metadata", "--no-deps", "--format-version=1"]);
        let metadata: Metadata = serde_json::from_str(&output_of(cargo)?)
            .map_err(|error| TargetError::Programs(error.to_string()))?;
        let mut hasher = DefaultHasher::new();
        let lock = metadata.workspace_root.join("Cargo.lock");
        let manifests = metadata
            .packages
            .iter()
            .map(|it| &it.manifest_path);
        let root = metadata.workspace_root.join("Cargo.toml");
        for file in manifests.chain([&lock, &root]) {
            std::fs::read(file).ok().hash(&mut hasher);
        }
        let align = metadata.metadata.and_then(|it| it.programs);
        let align = align.and_then(|programs| {
            let mut packages = metadata.packages.iter();
            packages.find(|it| it.name == programs.align)
        });
        Ok(Self {
            root: metadata.workspace_root,
            target: metadata.target_directory,
            align: align.map(Align::of),
            key: hasher.finish(),
        })
    }

    /// The same for a program that is built alone, as its user would.
    #[must_use]
    pub(crate) fn without_align(self) -> Self {
        Self {
            align: None,
            ..self
        }
    }

    /// Sorts programs into groups; the answer is kept until a manifest or
    /// `Cargo.lock` changes.
    ///
    /// # Errors
    ///
    /// A program that cargo does not know.
    pub fn groups(
        &self,
        programs: &[CargoTarget],
    ) -> Result<Vec<Group>, TargetError> {
        let Some(align) = &self.align else {
            return Ok(programs
                .iter()
                .map(|it| vec![it.clone()])
                .collect());
        };
        let mut hasher = DefaultHasher::new();
        (self.key, programs).hash(&mut hasher);
        let key = hasher.finish();
        let file = self.target.join("program-groups.json");
        if let Ok(text) = std::fs::read_to_string(&file)
            && let Ok(kept) = serde_json::from_str::<Kept>(&text)
            && kept.key == key
        {
            return Ok(kept.groups);
        }
        let alone = self.alone(programs)?;
        let mut groups: Vec<(Group, Features)> = Vec::new();
        for (program, own) in programs.iter().zip(alone) {
            let fits = groups.iter_mut().find(|(group, features)| {
                group[0].example.is_some() == program.example.is_some()
                    && align.differs(&own, features).is_empty()
                    && align.differs(features, &own).is_empty()
            });
            match fits {
                Some((group, features)) => {
                    group.push(program.clone());
                    for (name, more) in own {
                        features.entry(name).or_default().extend(more);
                    }
                }
                None => groups.push((vec![program.clone()], own)),
            }
        }
        let groups = groups
            .into_iter()
            .map(|(group, _)| group)
            .collect();
        // Where it can't be kept it is found out again.
        let kept = Kept { key, groups };
        _ = serde_json::to_string(&kept)
            .map(|text| std::fs::write(&file, text));
        Ok(kept.groups)
    }

    /// What a program has in its group that it has not in a build alone,
    /// although the crate is not neutral and the feature not additive; each
    /// as a line. Asks cargo anew.
    ///
    /// # Errors
    ///
    /// A program that cargo does not know.
    pub fn differences(
        &self,
        group: &[CargoTarget],
    ) -> Result<Vec<String>, TargetError> {
        let Some(align) = &self.align else {
            return Ok(Vec::new());
        };
        let together = self.features(group, Some(align))?;
        let mut lines = Vec::new();
        for (program, own) in group.iter().zip(self.alone(group)?) {
            let differences = align.differs(&own, &together);
            let lines_of = differences.into_iter().map(|(name, features)| {
                format!("{program}: {name} has {}", features.join(", "))
            });
            lines.extend(lines_of);
        }
        Ok(lines)
    }

    /// What the package that aligns the others has to ask for and does not:
    /// features of neutral crates, which some of the programs or the packages
    /// have and `cargo build` of the others would compile once more.
    ///
    /// # Errors
    ///
    /// A package that cargo does not know.
    pub fn not_aligned(
        &self,
        groups: &[Group],
    ) -> Result<Vec<String>, TargetError> {
        let Some(align) = &self.align else {
            return Ok(Vec::new());
        };
        let wanted = self.features(&[], Some(align))?;
        let mut lines = BTreeSet::new();
        for group in groups {
            for (name, features) in self.features(group, Some(align))? {
                let crate_name = name.split(' ').next().unwrap_or_default();
                let Some(has) = wanted.get(&name) else {
                    continue;
                };
                if !align.neutral.contains(crate_name) {
                    continue;
                }
                let more = features.difference(has);
                lines.extend(more.map(|it| format!("{name}: {it}")));
            }
        }
        Ok(lines.into_iter().collect())
    }

    /// Builds the wanted ones of these programs, in groups.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build) and [`groups`](Self::groups).
    pub fn build_all(
        &self,
        programs: &[CargoTarget],
        release: bool,
        wanted: impl Fn(&CargoTarget) -> bool,
    ) -> Result<Built, TargetError> {
        let mut built = Built::new();
        for group in self.groups(programs)? {
            let part: Vec<_> = group
                .iter()
                .filter(|it| wanted(it))
                .cloned()
                .collect();
            if !part.is_empty() {
                built.extend(self.build(&group, &part, release)?);
            }
        }
        Ok(built)
    }

    /// The features of each program in a build alone.
    fn alone(
        &self,
        programs: &[CargoTarget],
    ) -> Result<Vec<Features>, TargetError> {
        thread::scope(|scope| {
            let threads: Vec<_> = programs
                .iter()
                .map(|program| {
                    let program = std::slice::from_ref(program);
                    scope.spawn(move || self.features(program, None))
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| {
                    thread.join().unwrap_or_else(|panic| {
                        std::panic::resume_unwind(panic)
                    })
                })
                .collect()
        })
    }

    /// The features of all crates of programs that are built together.
    fn features(
        &self,
        programs: &[CargoTarget],
        align: Option<&Align>,
    ) -> Result<Features, TargetError> {
        let mut cargo = cargo(&self.root);
        cargo.args(["tree", "--prefix=none", "--format={p}|{f}"]);
        cargo.arg(match programs.iter().any(|it| it.example.is_some()) {
            true => "--edges=normal,build,dev",
            false => "--edges=normal,build",
        });
        let packages = programs.iter().map(|it| &it.package);
        let packages: BTreeSet<_> = packages.collect();
        for package in packages
            .into_iter()
            .chain(align.map(|it| &it.package))
        {
            cargo.args(["--package", package]);
        }
        Ok(read_tree(&output_of(cargo)?))
    }

    /// Builds the `wanted` of a group. The others of it are named but not
    /// compiled, so that what they share has the same features in every call.
    ///
    /// # Errors
    ///
    /// Cargo itself, if it can't be started. A program that does not compile
    /// is built without an executable, and the others all the same; what the
    /// compiler says goes to standard error.
    pub fn build(
        &self,
        group: &Group,
        wanted: &[CargoTarget],
        release: bool,
    ) -> Result<Built, TargetError> {
        let mut cargo = cargo(&self.root);
        cargo.args(["build", "--message-format=json-render-diagnostics"]);
        if wanted.len() > 1 {
            cargo.arg("--keep-going");
        }
        if let Some(align) = &self.align {
            cargo.args(["--package", &align.package]);
        }
        let packages: BTreeSet<_> =
            group.iter().map(|it| &it.package).collect();
        for package in packages {
            cargo.args(["--package", package]);
        }
        for program in wanted {
            match &program.example {
                Some(example) => cargo.args(["--example", example]),
                None => cargo.args(["--bin", &program.package]),
            };
        }
        if release {
            cargo.arg("--release");
            if self.align.is_some() {
                // What tests alone need of the neutral crates.
                cargo.arg("--no-default-features");
            }
        }
        let output = cargo
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| TargetError::Programs(error.to_string()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let artifacts: Vec<_> = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
            .filter_map(|it| Some((it.target.name, it.executable?)))
            .collect();
        let built = wanted.iter().map(|program| {
            let name = program
                .example
                .as_ref()
                .unwrap_or(&program.package);
            let mut artifacts = artifacts.iter();
            let found = artifacts.find(|(it, _)| it == name);
            (program.clone(), found.map(|(_, path)| path.clone()))
        });
        Ok(built.collect())
    }
}

impl Align {
    fn of(package: &Package) -> Self {
        let dependencies = package.dependencies.iter();
        let additive = package
            .metadata
            .iter()
            .flat_map(|it| &it.additive);
        let additive = additive.filter_map(|(feature, _)| {
            let (name, feature) = feature.split_once('/')?;
            Some((name.to_owned(), feature.to_owned()))
        });
        Self {
            package: package.name.clone(),
            neutral: dependencies.map(|it| it.name.clone()).collect(),
            additive: additive.collect(),
        }
    }

    /// The crates of `own` that have features in `other` that they have not
    /// there, and should not have.
    fn differs(
        &self,
        own: &Features,
        other: &Features,
    ) -> Vec<(String, Vec<String>)> {
        own.iter()
            .filter_map(|(name, features)| {
                let crate_name = name.split(' ').next()?;
                if self.neutral.contains(crate_name) {
                    return None;
                }
                let more: Vec<_> = other
                    .get(name)?
                    .difference(features)
                    .filter(|feature| {
                        let pair = (crate_name.to_owned(), (*feature).clone());
                        !self.additive.contains(&pair)
                    })
                    .cloned()
                    .collect();
                (!more.is_empty()).then(|| (name.clone(), more))
            })
            .collect()
    }
}

/// Reads what `cargo tree` prints: `NAME VERSION …|FEATURE,FEATURE` a line.
fn read_tree(text: &str) -> Features {
    let mut all = Features::new();
    for line in text.lines() {
        let Some((package, features)) = line.split_once('|') else {
            continue;
        };
        let mut words = package.split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next()) else {
            continue;
        };
        let features = features.trim_end_matches(" (*)");
        let features = features.split(',').filter(|it| !it.is_empty());
        all.entry(format!("{name} {version}"))
            .or_default()
            .extend(features.map(str::to_owned));
    }
    all
}

fn cargo(folder: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    if !folder.as_os_str().is_empty() {
        command.current_dir(folder);
    }
    command.stdin(Stdio::null());
    command
}

fn output_of(mut command: Command) -> Result<String, TargetError> {
    let output = command
        .output()
        .map_err(|error| TargetError::Programs(error.to_string()))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(TargetError::Programs(
            String::from_utf8_lossy(&output.stderr)
                .trim()
                .to_owned(),
        )),
    }
}

/// The groups, with what they were computed from.
#[derive(Deserialize, Serialize)]
struct Kept {
    key: u64,
    groups: Vec<Group>,
}

/// What is used of `cargo metadata`.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
    metadata: Option<WorkspaceMetadata>,
}

#[derive(Deserialize)]
struct WorkspaceMetadata {
    programs: Option<ProgramsMetadata>,
}

#[derive(Deserialize)]
struct ProgramsMetadata {
    align: String,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
    metadata: Option<PackageMetadata>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
}

#[derive(Deserialize)]
struct PackageMetadata {
    #[serde(default)]
    additive: BTreeMap<String, String>,
}

/// What is used of a line of `--message-format=json`.
#[derive(Deserialize)]
struct Artifact {
    target: ArtifactTarget,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct ArtifactTarget {
    name: String,
}
