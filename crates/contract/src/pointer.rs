//! The way to a place in a document, and its JSON Pointer (RFC 6901).
//!
//! The names on the way are the client's. A pointer at every place of a walk would
//! copy a long name once for each place below it, the square of the body; so a
//! pointer is written only where there is a fault, and never a long one.

/// The longest pointer that is written, in bytes.
pub(crate) const POINTER_BYTES_MAX: usize = 256;

/// From one value to one inside it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    /// To a member of an object.
    Key(&'a str),
    /// To an item of an array, from 0.
    Index(usize),
}

/// Where a walk is: the steps from the whole document.
#[derive(Default, Debug)]
pub(crate) struct Path<'a>(Vec<Step<'a>>);

/// A pointer of at most [`POINTER_BYTES_MAX`] bytes.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Pointer {
    /// To the place itself.
    Itself(String),
    /// To the deepest place around it whose pointer fits.
    Around(String),
}

impl<'a> Path<'a> {
    /// Goes one step down for as long as `visit` takes.
    pub(crate) fn within(&mut self, step: Step<'a>, visit: impl FnOnce(&mut Self)) {
        self.0.push(step);
        visit(self);
        self.0.pop();
    }

    pub(crate) fn pointer(&self) -> Pointer {
        let mut pointer = String::new();
        for step in &self.0 {
            match step.token() {
                Some(token) if pointer.len() + token.len() < POINTER_BYTES_MAX => {
                    pointer.push('/');
                    pointer.push_str(&token);
                }
                _ => return Pointer::Around(pointer),
            }
        }
        Pointer::Itself(pointer)
    }
}

impl Step<'_> {
    /// As it stands in a pointer, escaped as RFC 6901 §3 says.
    fn token(&self) -> Option<String> {
        match self {
            // Fits no pointer, so it is not worth a copy.
            Step::Key(name) if name.len() >= POINTER_BYTES_MAX => None,
            Step::Key(name) => Some(name.replace('~', "~0").replace('/', "~1")),
            Step::Index(n) => Some(n.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(steps: &[Step<'_>]) -> Pointer {
        Path(steps.to_vec()).pointer()
    }

    #[test]
    fn a_pointer_is_escaped_and_the_document_is_empty() {
        assert_eq!(pointer(&[]), Pointer::Itself(String::new()));
        let steps = [Step::Key("a/b~1"), Step::Index(7), Step::Key("")];
        assert_eq!(pointer(&steps), Pointer::Itself("/a~1b~01/7/".to_owned()));
    }

    #[test]
    fn a_pointer_that_is_too_long_stops_around_the_place() {
        let fits = "x".repeat(POINTER_BYTES_MAX - 1);
        assert_eq!(pointer(&[Step::Key(&fits)]), Pointer::Itself(format!("/{fits}")));
        let long = "x".repeat(POINTER_BYTES_MAX);
        assert_eq!(pointer(&[Step::Key(&long)]), Pointer::Around(String::new()));
        let grows = "~".repeat(POINTER_BYTES_MAX / 2);
        let steps = [Step::Key("a"), Step::Key(&grows), Step::Key("b")];
        assert_eq!(pointer(&steps), Pointer::Around("/a".to_owned()));
    }
}
