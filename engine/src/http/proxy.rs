//! What a proxy may send in front of the first request: whom the connection comes from, as version 2 of HAProxy's PROXY
//! protocol has it (haproxy.org/download/3.2/doc/proxy-protocol.txt, section 2.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::{Buf, BytesMut};

/// How it begins. No request begins like that.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, and the length of what follows.
const FIXED_BYTES: usize = 16;
/// Bytes of what follows, extensions included.
const REST_BYTES_MAX: usize = 2048;
/// Addresses and ports of IPv4, and of IPv6.
const V4_BYTES: usize = 12;
const V6_BYTES: usize = 36;

/// What a connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preface {
    /// More has to come to tell.
    Partial,
    /// None, or one that names nobody, such as a health check of the proxy.
    Peer,
    /// The connection is relayed for this client.
    Client(IpAddr),
    /// It began as one, and is none.
    Malformed,
}

/// Takes the preface off the first bytes of a connection.
pub(crate) fn take_preface(input: &mut BytesMut) -> Preface {
    let common = input.len().min(SIGNATURE.len());
    if input[..common] != SIGNATURE[..common] {
        return Preface::Peer;
    }
    let Some((fixed, rest)) = input.split_first_chunk::<FIXED_BYTES>() else {
        return Preface::Partial;
    };
    let [.., command, family, high, low] = *fixed;
    let len = usize::from(u16::from_be_bytes([high, low]));
    if len > REST_BYTES_MAX {
        return Preface::Malformed;
    }
    let Some(rest) = rest.get(..len) else {
        return Preface::Partial;
    };
    let preface = match (command, family) {
        (0x20, _) | (0x21, 0x00 | 0x31 | 0x32) => Preface::Peer,
        (0x21, 0x11 | 0x12) if len >= V4_BYTES => client(rest, Ipv4Addr::from_octets),
        (0x21, 0x21 | 0x22) if len >= V6_BYTES => client(rest, Ipv6Addr::from_octets),
        _ => Preface::Malformed,
    };
    input.advance(FIXED_BYTES + len);
    preface
}

/// The source address is the first that follows.
fn client<const N: usize, A: Into<IpAddr>>(rest: &[u8], address: fn([u8; N]) -> A) -> Preface {
    match rest.first_chunk() {
        Some(octets) => Preface::Client(address(*octets).into()),
        None => Preface::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n";

    fn preface(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let len = u16::try_from(rest.len()).expect("short");
        let fixed = [&[command, family][..], &len.to_be_bytes()].concat();
        [&SIGNATURE[..], &fixed, rest].concat()
    }

    fn taken(preface: &[u8]) -> (Preface, Vec<u8>) {
        let mut input = BytesMut::from([preface, REQUEST].concat().as_slice());
        (take_preface(&mut input), input.to_vec())
    }

    fn v4() -> Vec<u8> {
        preface(
            0x21,
            0x11,
            &[192, 0, 2, 1, 10, 0, 0, 1, 1, 2, 3, 4, 0xee, 0, 1, 7],
        )
    }

    #[test]
    fn the_client_is_taken_from_it() {
        let mut v6 = [0; V6_BYTES];
        v6[..2].copy_from_slice(&[0x20, 0x01]);
        let v6_client = Preface::Client("2001::".parse().expect("an address"));
        for (bytes, expected) in [
            (v4(), Preface::Client([192, 0, 2, 1].into())),
            (preface(0x21, 0x21, &v6), v6_client),
            (preface(0x20, 0x00, &[]), Preface::Peer),
            (preface(0x21, 0x00, &[1; 5]), Preface::Peer),
            (Vec::new(), Preface::Peer),
        ] {
            assert_eq!(taken(&bytes), (expected, REQUEST.to_vec()));
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for bytes in [
            preface(0x11, 0x11, &[0; V4_BYTES]),
            preface(0x21, 0x11, &[0; V4_BYTES - 1]),
            preface(0x21, 0x21, &[0; V6_BYTES - 1]),
            preface(0x21, 0x41, &[0; V6_BYTES]),
            preface(0x21, 0x11, &[0; REST_BYTES_MAX + 1]),
        ] {
            assert_eq!(taken(&bytes).0, Preface::Malformed, "{bytes:?}");
        }
    }

    #[test]
    fn it_may_come_byte_by_byte() {
        let whole = v4();
        for len in 1..whole.len() {
            let mut input = BytesMut::from(&whole[..len]);
            assert_eq!(take_preface(&mut input), Preface::Partial);
            assert_eq!(input, whole[..len]);
        }
    }

    proptest! {
        #[test]
        fn anything_may_come(mut bytes in proptest::collection::vec(any::<u8>(), 0..64), signed in any::<bool>()) {
            if signed {
                bytes.splice(0..0, SIGNATURE);
            }
            let mut input = BytesMut::from(bytes.as_slice());
            match take_preface(&mut input) {
                Preface::Partial => prop_assert!(SIGNATURE.starts_with(&bytes[..bytes.len().min(12)])),
                Preface::Peer if !signed => prop_assert_eq!(&input[..], &bytes[..]),
                Preface::Peer | Preface::Client(_) | Preface::Malformed => {}
            }
        }
    }
}
