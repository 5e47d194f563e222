//! The octal escapes of kernel and NFS tables.
//!
//! Owns one function; what the tables mean is their readers' business.

/// Turns `\040` and its like into the bytes that they stand for, as the kernel's tables
/// (`seq_path`) and nfs-utils write them. Exactly three octal digits; anything else stays.
pub fn unescape_octal(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'\\'
            && let Some((digits, after)) = tail.split_first_chunk::<3>()
            && let Some(byte) = octal(*digits)
        {
            bytes.push(byte);
            rest = after;
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn octal(digits: [u8; 3]) -> Option<u8> {
    let text = std::str::from_utf8(&digits).ok()?;
    // `from_str_radix` takes a sign, the tables have none.
    if text.starts_with('+') {
        return None;
    }
    u8::from_str_radix(text, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_escapes_become_bytes() {
        for (text, expected) in [
            ("/a\\040b", "/a b"),
            ("/a\\134040", "/a\\040"),
            ("/\\303\\244", "/ä"),
            ("/a\\04", "/a\\04"),
            ("/a\\888", "/a\\888"),
            ("/a\\+40", "/a\\+40"),
            ("\\", "\\"),
            ("", ""),
        ] {
            assert_eq!(unescape_octal(text), expected, "{text}");
        }
    }
}
