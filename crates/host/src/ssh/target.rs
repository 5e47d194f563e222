//! `ssh://[user@]host[:port]`: which machine.

use std::fmt;
use std::str::FromStr;

/// A machine that `ssh` can reach.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The user there; without one, what `ssh` takes.
    pub user: Option<String>,
    /// Name, address, or an alias of the user's `ssh` configuration.
    pub host: String,
    /// The port; without one, what `ssh` takes.
    pub port: Option<u16>,
}

/// Text is no [`Target`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected ssh://[USER@]HOST[:PORT]: {0}")]
pub struct TargetError(&'static str);

/// What begins every target.
const SCHEME: &str = "ssh://";

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or(TargetError("it does not begin with ssh://"))?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        let (host, port) = host_and_port(place)?;
        if user.is_some_and(|user| user.contains(':')) {
            return Err(TargetError("phoenix takes no password, ssh uses keys"));
        }
        if user.is_some_and(|user| !is_word(user, "")) {
            return Err(TargetError("the user is no user's name"));
        }
        if !is_word(host, ":%") {
            return Err(TargetError("the host is neither a name nor an address"));
        }
        Ok(Self {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
        })
    }
}

/// The host, without the brackets of an IPv6 address, and the port.
fn host_and_port(place: &str) -> Result<(&str, Option<u16>), TargetError> {
    let (host, port) = match place
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or(""))),
        None => match place.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(TargetError("an IPv6 address needs brackets: ssh://[::1]"));
            }
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let number = |port: &str| port.parse().ok().filter(|port| *port != 0);
    match port {
        None => Ok((host, None)),
        Some(port) => match number(port) {
            Some(port) => Ok((host, Some(port))),
            None => Err(TargetError("the port is no number from 1 to 65535")),
        },
    }
}

/// Whether `ssh` cannot take a word for an option, and no shell of a `ProxyCommand` for more than
/// a word.
fn is_word(text: &str, also: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c) || also.contains(c);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(fits)
}

impl Target {
    /// How a person connects to it.
    pub fn command_line(&self) -> String {
        let port = self
            .port
            .map_or(String::new(), |port| format!("-p {port} "));
        let user = self
            .user
            .as_ref()
            .map_or(String::new(), |user| format!("{user}@"));
        format!("ssh {port}{user}{}", self.host)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.port {
            Some(port) if self.host.contains(':') => write!(f, "[{}]:{port}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_a_host_and_perhaps_user_and_port() {
        for (text, user, host, port) in [
            ("ssh://pve", None, "pve", None),
            ("ssh://pve/", None, "pve", None),
            ("ssh://root@pve1.lan", Some("root"), "pve1.lan", None),
            (
                "ssh://root@10.0.0.2:2222",
                Some("root"),
                "10.0.0.2",
                Some(2222),
            ),
            ("ssh://[fe80::1%eth0]:22", None, "fe80::1%eth0", Some(22)),
            ("ssh://root@[::1]", Some("root"), "::1", None),
        ] {
            let target: Target = text.parse().unwrap();
            let wanted = Target {
                user: user.map(str::to_owned),
                host: host.to_owned(),
                port,
            };
            assert_eq!(target, wanted, "{text}");
        }
    }

    #[test]
    fn what_ssh_could_misread_is_no_target() {
        for (text, why) in [
            ("pve", "does not begin"),
            ("ssh://", "neither a name"),
            ("ssh://root@", "neither a name"),
            ("ssh://-oProxyCommand=x", "neither a name"),
            ("ssh://-l@pve", "no user's name"),
            ("ssh://a;b@pve", "no user's name"),
            ("ssh://root:secret@pve", "no password"),
            ("ssh://pve:ssh", "the port"),
            ("ssh://pve:0", "the port"),
            ("ssh://pve:65536", "the port"),
            ("ssh://pve:", "the port"),
            ("ssh://[::1]x", "the port"),
            ("ssh://::1", "brackets"),
            ("ssh://pve/etc", "neither a name"),
            ("ssh://$(reboot)", "neither a name"),
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
