//! URLs as they may be shown.

/// Stands for what is not shown.
const HIDDEN: &str = "…";

/// The URL without its passwords, for logs and messages: neither the one before the
/// host nor one that is given as a parameter, as PostgreSQL's URLs may. Where it is
/// doubtful what is a password, more is hidden.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return HIDDEN.to_owned();
    };
    let (server, parameters) = match rest.split_once('?') {
        // It may end a password in which the question mark stands.
        Some((_, parameters)) if parameters.contains('@') => {
            return format!("{scheme}://{HIDDEN}");
        }
        Some((server, parameters)) => (server, Some(parameters)),
        None => (rest, None),
    };
    let server = match server.rsplit_once('@') {
        Some((user, server)) => {
            format!("{}@{server}", user.split(':').next().unwrap_or_default())
        }
        None => server.to_owned(),
    };
    let parameters = parameters.map(|all| all.split('&').map(parameter).collect::<Vec<_>>());
    let parameters = parameters.map(|all| format!("?{}", all.join("&"))).unwrap_or_default();
    format!("{scheme}://{server}{parameters}")
}

fn parameter(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
        Some(_) => pair.to_owned(),
        None => HIDDEN.to_owned(),
    }
}

/// `password`, `sslpassword`, `passfile`, or a name that is written in escapes.
fn is_secret(name: &str) -> bool {
    name.contains('%') || name.to_ascii_lowercase().contains("pass")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_shows() {
        for (url, shown) in [
            ("postgres://u:p@ss@h:1/d", "postgres://u@h:1/d"),
            ("postgres://u@h/d?sslmode=require", "postgres://u@h/d?sslmode=require"),
            ("postgres://h/d", "postgres://h/d"),
            ("postgres://h/d?user=u&password=secret", "postgres://h/d?user=u&password=…"),
            ("postgres://u:a@h/d?PASSWORD=secret&x=1", "postgres://u@h/d?PASSWORD=…&x=1"),
            ("postgres://h/d?pass%77ord=secret", "postgres://h/d?pass%77ord=…"),
            ("postgres://h/d?password=s@cret", "postgres://…"),
            ("postgres://u:se?cr@et@h/d", "postgres://…"),
            ("postgres://h/d?password=sec&ret", "postgres://h/d?password=…&…"),
            ("host=h password=secret", "…"),
        ] {
            assert_eq!(without_password(url), shown, "{url}");
        }
    }
}
