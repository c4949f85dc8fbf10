//! The tables of docs/configuration.md tell of every setting.

use crate::config::settings;

const DOCS: &str = include_str!("../../../../docs/configuration.md");

#[test]
fn every_setting_has_a_row_with_its_default() {
    for setting in settings::ALL {
        let (name, default) = (setting.text().name, setting.text().default);
        let begins = [format!("| `--{name}` "), format!("| `--{name} ")];
        let of_setting = |line: &&str| begins.iter().any(|it| line.starts_with(it));
        let row = DOCS.lines().find(of_setting);
        let row = row.unwrap_or_else(|| panic!("--{name}"));
        let shown = row.split(" | ").nth(1).unwrap_or_default();
        assert_eq!(shown.replace('`', ""), default, "--{name}");
    }
}
