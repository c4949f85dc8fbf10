//! Takes the comments out of what pages load: they are for whoever reads the repository, and would be a quarter of what is sent.

/// Lines that are nothing but comment become empty, so that errors name the lines of the file as it stands in the repository.
pub(crate) fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_within = false;
    for line in text.lines() {
        let code = line.trim();
        let is_block = is_within || code.starts_with("/*");
        if is_block {
            is_within = !code.contains("*/");
        }
        let is_code_behind = is_block && !is_within && !code.ends_with("*/");
        if is_code_behind || !is_block && !code.starts_with("//") {
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}
