//! When two NFS client specifications mean the same client.
//!
//! Which specifications are valid is decided by `check::client`.

use std::net::IpAddr;

use ipnet::IpNet;

/// One spelling for all that exportfs takes for the same client: addresses without superfluous
/// zeros, networks without host bits and with the prefix as a number, names in small letters.
pub fn canonical(text: &str) -> String {
    if let Ok(address) = text.parse::<IpAddr>() {
        return address.to_string();
    }
    match net(text) {
        Some(net) => net.trunc().to_string(),
        None => text.to_ascii_lowercase(),
    }
}

/// A network as `ADDRESS/PREFIX` or `ADDRESS/NETMASK`.
pub(crate) fn net(text: &str) -> Option<IpNet> {
    if let Ok(net) = text.parse() {
        return Some(net);
    }
    let (address, mask) = text.split_once('/')?;
    IpNet::with_netmask(address.parse().ok()?, mask.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_has_one_spelling() {
        for (one, other, same) in [
            ("10.0.0.7/24", "10.0.0.0/255.255.255.0", true),
            ("fd00:0:0::1", "fd00::1", true),
            ("NAS.example.com", "nas.example.com", true),
            ("10.0.0.0/24", "10.0.0.0/25", false),
            ("10.0.0.1", "10.0.0.1/32", false),
            ("@nas", "nas", false),
        ] {
            assert_eq!(canonical(one) == canonical(other), same, "{one} {other}");
        }
    }
}
