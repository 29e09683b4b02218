//! Arguments with several values. A variable has room for one text, so a separator
//! stands between them there; what was typed is taken whole, for the separator may
//! well stand in a path, and the flag can be repeated.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use clap::builder::TypedValueParser;
use clap::parser::ValueSource;
use clap::{Arg, Command, Error};

/// What one text of the command line or the variable lists.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed<T>(pub Vec<T>);

/// Reads each value with `each`; in a variable `separator`, an ASCII character,
/// stands between them.
pub fn list<P: TypedValueParser>(
    separator: u8,
    each: P,
) -> impl TypedValueParser<Value = Listed<P::Value>> {
    ListParser { separator, each }
}

#[derive(Clone)]
struct ListParser<P> {
    separator: u8,
    each: P,
}

impl<P: TypedValueParser> TypedValueParser for ListParser<P> {
    type Value = Listed<P::Value>;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        text: &OsStr,
    ) -> Result<Self::Value, Error> {
        Ok(Listed(vec![self.each.parse_ref(command, argument, text)?]))
    }

    fn parse_ref_(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        text: &OsStr,
        source: ValueSource,
    ) -> Result<Self::Value, Error> {
        if source != ValueSource::EnvVariable {
            return self.parse_ref(command, argument, text);
        }
        let values = text.as_bytes().split(|byte| *byte == self.separator);
        let read = |value| self.each.parse_ref(command, argument, OsStr::from_bytes(value));
        values.map(read).collect::<Result<_, _>>().map(Listed)
    }
}

#[cfg(test)]
mod tests {
    use clap::builder::StringValueParser;

    use super::*;

    fn read(words: &[&str]) -> Vec<Listed<String>> {
        // A variable that every test has, with several slashes.
        let argument = Arg::new("path").long("path").num_args(1..).env("CARGO_MANIFEST_DIR");
        let argument = argument.value_parser(list(b'/', StringValueParser::new()));
        let matches = Command::new("test").arg(argument).get_matches_from(words);
        matches.get_many("path").unwrap().cloned().collect()
    }

    #[test]
    fn a_separator_separates_in_a_variable_only() {
        let typed = ["/a b", "c,d/e"].map(|path| Listed(vec![path.to_owned()]));
        assert_eq!(read(&["test", "--path", "/a b", "c,d/e"]), typed);
        let folders = env!("CARGO_MANIFEST_DIR").split('/').map(str::to_owned).collect();
        assert_eq!(read(&["test"]), [Listed(folders)]);
    }
}
