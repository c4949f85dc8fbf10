//! The places a setting's text may come from, and which of them wins.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use super::{
    domain::Domain,
    error::ConfigError,
    foreign::is_foreign,
    settings::{ALL, Described, Setting, after_prefix, variable},
};

/// The file that is read from the working directory where no other is named.
const FILE_NAME: &str = "rookery.toml";
/// The flag that names another file; its variable is made like those of the settings.
pub(crate) const CONFIG_FLAG: &str = "config";
/// Bytes of a configuration file: far more than all settings take.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Where the text of a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On the command line.
    Flag,
    /// In the environment.
    Variable,
    /// In a configuration file.
    File(PathBuf),
    /// Nowhere: the built-in default holds.
    Default,
}

impl Origin {
    /// How the user wrote the setting's name there.
    pub(super) fn name(&self, setting: &str) -> String {
        match self {
            Self::Flag => format!("--{setting}"),
            Self::Variable => variable(setting),
            Self::File(path) => format!("{setting} in {}", path.display()),
            Self::Default => format!("default of --{setting}"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Variable => f.write_str("env"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

type Texts = BTreeMap<&'static str, String>;

/// The texts of all settings that were given, by place, the strongest place first.
pub(super) struct Layers(Vec<(Origin, Texts)>);

impl Layers {
    /// Flags, then variables, then the file. `flags` may hold `config` beside the settings.
    pub(super) fn read(
        mut flags: Texts,
        env: &[(OsString, OsString)],
        working_dir: &Path,
    ) -> Result<Self, ConfigError> {
        let mut variables = variables(env)?;
        let named = flags.remove(CONFIG_FLAG).or(variables.remove(CONFIG_FLAG));
        let file = match named {
            Some(path) => Some(read_file(Path::new(&path), &working_dir.join(&path))?),
            None => read_default_file(working_dir)?,
        };
        let mut layers = vec![(Origin::Flag, flags), (Origin::Variable, variables)];
        layers.extend(file);
        Ok(Self(layers))
    }

    /// The value of the strongest place. Weaker ones are checked too, so that a mistake shows when
    /// it is made and not when the flag that hides it goes.
    pub(super) fn find<D: Domain>(
        &self,
        setting: &Setting<D>,
    ) -> Result<Option<(Origin, D::Value)>, ConfigError> {
        let mut strongest = None;
        for (origin, texts) in &self.0 {
            if let Some(text) = texts.get(setting.text.name) {
                let value = parse(setting, text, origin)?;
                strongest.get_or_insert((origin.clone(), value));
            }
        }
        Ok(strongest)
    }

    /// The strongest place that has either of two settings, if it has only one of them.
    pub(super) fn excluding(
        &self,
        one: &dyn Described,
        other: &dyn Described,
    ) -> Result<Option<&'static str>, ConfigError> {
        let (one, other) = (one.text().name, other.text().name);
        for (origin, texts) in &self.0 {
            match (texts.contains_key(one), texts.contains_key(other)) {
                (false, false) => {}
                (true, false) => return Ok(Some(one)),
                (false, true) => return Ok(Some(other)),
                (true, true) => {
                    let (one, other) = (origin.name(one), origin.name(other));
                    return Err(ConfigError::Exclusive { one, other });
                }
            }
        }
        Ok(None)
    }
}

/// The value of a text, or a refusal that says where it stands and what is allowed.
pub(super) fn parse<D: Domain>(
    setting: &Setting<D>,
    text: &str,
    origin: &Origin,
) -> Result<D::Value, ConfigError> {
    setting
        .domain
        .parse(text)
        .ok_or_else(|| ConfigError::Value {
            name: origin.name(setting.text.name),
            text: text.to_owned(),
            allowed: setting.allowed(),
        })
}

fn variables(env: &[(OsString, OsString)]) -> Result<Texts, ConfigError> {
    let names = || {
        ALL.iter()
            .map(|setting| setting.text().name)
            .chain([CONFIG_FLAG])
    };
    let mut texts = Texts::new();
    for (key, value) in env {
        let key = key.to_string_lossy();
        let Some(rest) = after_prefix(&key).filter(|_| !value.is_empty()) else {
            continue;
        };
        let Some(name) = names().find(|name| variable(name) == key) else {
            if is_foreign(rest, &value.to_string_lossy()) {
                continue;
            }
            let known = list(names().map(variable));
            return Err(ConfigError::UnknownVariable {
                name: key.into_owned(),
                known,
            });
        };
        let Some(value) = value.to_str() else {
            return Err(ConfigError::NotText {
                name: key.into_owned(),
            });
        };
        texts.insert(name, value.to_owned());
    }
    Ok(texts)
}

fn read_default_file(working_dir: &Path) -> Result<Option<(Origin, Texts)>, ConfigError> {
    let path = working_dir.join(FILE_NAME);
    match read_file(Path::new(FILE_NAME), &path) {
        // A link to nowhere was made by somebody who means a file.
        Err(ConfigError::File { source, .. })
            if source.kind() == io::ErrorKind::NotFound && !path.is_symlink() =>
        {
            Ok(None)
        }
        result => result.map(Some),
    }
}

/// `shown` is the path as the user knows it.
fn read_file(shown: &Path, path: &Path) -> Result<(Origin, Texts), ConfigError> {
    let failed = |source| ConfigError::File {
        path: shown.to_owned(),
        source,
    };
    let bytes = fs::metadata(path).map_err(failed)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(failed(io::Error::other(format!(
            "larger than {FILE_BYTES_MAX} bytes"
        ))));
    }
    let content = fs::read_to_string(path).map_err(failed)?;
    let table: toml::Table = content.parse().map_err(|error: toml::de::Error| {
        let end = error.span().map_or(0, |span| span.start.min(content.len()));
        let line = 1 + content.as_bytes()[..end]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        ConfigError::Syntax {
            path: shown.to_owned(),
            line,
            message: error.message().to_owned(),
        }
    })?;
    Ok((Origin::File(shown.to_owned()), texts_of(&table, shown)?))
}

fn texts_of(table: &toml::Table, path: &Path) -> Result<Texts, ConfigError> {
    let mut texts = Texts::new();
    for (key, value) in table {
        let Some(setting) = ALL.iter().find(|setting| setting.text().name == key) else {
            let known = list(ALL.iter().map(|setting| setting.text().name.to_owned()));
            return Err(ConfigError::UnknownKey {
                key: key.clone(),
                path: path.to_owned(),
                known,
            });
        };
        let Some(text) = text_of(value) else {
            return Err(ConfigError::Value {
                name: Origin::File(path.to_owned()).name(key),
                text: value.to_string(),
                allowed: setting.allowed(),
            });
        };
        texts.insert(setting.text().name, text);
    }
    Ok(texts)
}

/// A scalar as a flag would have it; a list as one text with commas.
fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(value) => Some(value.to_string()),
        toml::Value::Array(items) => {
            let texts: Vec<_> = items.iter().map(text_of).collect::<Option<_>>()?;
            Some(texts.join(","))
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn list(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
