//! Which addresses are sent to.
//!
//! Whoever registers a webhook chooses where this service connects to, and must not reach by it what
//! only this service can reach: its own host, its network, the credentials that a cloud hands out
//! at a link-local address. So an address is held against this policy twice: its text when it is
//! registered and again when it is sent to, and, where it names a host, every IP address that the
//! name stands for at the moment of connecting. Whatever is not known to be public is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};
use zkpool_types::limits::WEBHOOK_URL_BYTES_MAX;

/// Which addresses are sent to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Public hosts over TLS.
    #[default]
    Public,
    /// Everything, also in the clear: for a service on the machine of whoever develops against it.
    Anywhere,
}

/// Why an address is not sent to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is longer than any address has to be.
    #[error("expected at most {max} bytes, found {found}")]
    TooLong {
        /// The bound.
        max: usize,
        /// Its length.
        found: usize,
    },
    /// It is no absolute address.
    #[error("expected an absolute address with a host")]
    Malformed,
    /// It is of another scheme.
    #[error("expected https, found {found}")]
    Scheme {
        /// The scheme.
        found: String,
    },
    /// It has a user name or a password, which is no way to authenticate a delivery.
    #[error("expected an address without user name and password")]
    Credentials,
    /// It has a fragment, which is never sent.
    #[error("expected an address without a fragment")]
    Fragment,
    /// It is not public.
    #[error("expected a public host; {found} is not public")]
    NotPublic {
        /// The IP address.
        found: IpAddr,
    },
}

impl AddressPolicy {
    /// The address in this text.
    ///
    /// # Errors
    /// It is not one that is sent to.
    pub fn check(self, text: &str) -> Result<Url, Refused> {
        if text.len() > WEBHOOK_URL_BYTES_MAX {
            return Err(Refused::TooLong { max: WEBHOOK_URL_BYTES_MAX, found: text.len() });
        }
        let url = Url::parse(text).map_err(|_| Refused::Malformed)?;
        match (url.scheme(), self) {
            ("https", _) | ("http", Self::Anywhere) => {}
            (found, _) => return Err(Refused::Scheme { found: found.to_owned() }),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        if url.fragment().is_some() {
            return Err(Refused::Fragment);
        }
        match url.host() {
            // The parser has read every spelling of a number as the address that it is.
            Some(Host::Ipv4(ip)) => self.check_ip(ip.into())?,
            Some(Host::Ipv6(ip)) => self.check_ip(ip.into())?,
            Some(Host::Domain(_)) => {}
            None => return Err(Refused::Malformed),
        }
        Ok(url)
    }

    /// Whether a connection to this IP address may be made.
    ///
    /// # Errors
    /// It is not public.
    pub const fn check_ip(self, ip: IpAddr) -> Result<(), Refused> {
        match self {
            Self::Public if !is_public(ip) => Err(Refused::NotPublic { found: ip }),
            Self::Public | Self::Anywhere => Ok(()),
        }
    }
}

/// Whether an IP address is globally reachable and of one host, by the registries of IANA for
/// special-purpose addresses (RFC 6890).
const fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

const fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = match (a, b, c) {
        // This network, private use, loopback.
        (0 | 10 | 127, ..)
        // Shared address space of providers.
        | (100, 64..=127, _)
        // Link-local, where clouds hand out credentials.
        | (169, 254, _)
        | (172, 16..=31, _)
        // Assignments of the IETF, documentation, 6to4 relays, AS112, private use, AMT.
        | (192, 0, 0 | 2)
        | (192, 88, 99)
        | (192, 31, 196)
        | (192, 52, 193)
        | (192, 175, 48)
        | (192, 168, _)
        // Benchmarks, documentation.
        | (198, 18..=19, _)
        | (198, 51, 100)
        | (203, 0, 113)
        // Multicast, reserved, broadcast.
        | (224..=255, ..) => true,
        _ => false,
    };
    !special
}

const fn is_public_v6(ip: Ipv6Addr) -> bool {
    // Of everything that IPv6 has, only 2000::/3 is unicast on the internet. Addresses that carry
    // one of IPv4 (mapped, compatible, NAT64) lie outside of it or are left out here.
    match ip.segments() {
        // Assignments of the IETF with Teredo, documentation, 6to4.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => {
            false
        }
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_hosts_are_accepted() {
        for url in [
            "https://example.com/hook",
            "https://example.com:8443/hook?team=red",
            "https://93.184.216.34/",
            "https://[2606:2800:220:1::1]/",
            "https://xn--bcher-kva.example/",
        ] {
            assert!(AddressPolicy::Public.check(url).is_ok(), "{url} was refused");
        }
    }

    #[test]
    fn every_spelling_of_an_address_that_is_not_public_is_refused() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "0",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "0xa9fea9fe",
            "2852039166",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "203.0.113.9",
            "１２７.0.0.1",
            "127。0。0。1",
            "%31%32%37.0.0.1",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[fe80::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[ff02::1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b:1::1]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[2001:db8::1]",
            "[3fff::1]",
            "[100::1]",
            "[5f00::1]",
        ] {
            let refused = AddressPolicy::Public.check(&format!("https://{host}/"));
            assert!(matches!(refused, Err(Refused::NotPublic { .. })), "{host}: {refused:?}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_webhook_is_refused_and_says_why() {
        let refused = |url: &str| AddressPolicy::Public.check(url).unwrap_err();
        assert_eq!(refused("/hook"), Refused::Malformed);
        assert_eq!(refused("https://"), Refused::Malformed);
        assert_eq!(refused("https://256.0.0.1/"), Refused::Malformed);
        assert_eq!(refused("https://[::1/"), Refused::Malformed);
        assert_eq!(refused("http://a.example/"), Refused::Scheme { found: "http".into() });
        assert_eq!(refused("file:///etc/passwd"), Refused::Scheme { found: "file".into() });
        assert_eq!(refused("https://a:b@c.example/"), Refused::Credentials);
        assert_eq!(refused("https://c.example@127.0.0.1/"), Refused::Credentials);
        assert_eq!(refused("https://a.example/#x"), Refused::Fragment);
        let long = format!("https://a.example/{}", "x".repeat(WEBHOOK_URL_BYTES_MAX));
        assert!(matches!(refused(&long), Refused::TooLong { .. }));
    }

    #[test]
    fn whoever_develops_on_this_machine_may_be_told_here() {
        assert!(AddressPolicy::Anywhere.check("http://127.0.0.1:9000/hook").is_ok());
        assert!(AddressPolicy::Anywhere.check("ftp://127.0.0.1/").is_err());
    }
}
