//! Text that is not JSON: the code, the exact byte, and words that help.

use phoenix_config::load;

/// Text with the mistake between `«` and `»`, and what is said about it.
const CASES: [(&str, &str); 25] = [
    ("«»", "the file is empty"),
    ("«» \n\t", "the file is empty"),
    ("{\"a\":«.» {}}", "expected a value, found `.`"),
    ("{\"a\": «'»x'}", "expected a value, found `'`"),
    ("{\"a\": «}»", "expected a value, found `}`"),
    ("{\"a\" «1»}", "expected `:`, found `1`"),
    ("{\"a\": 1 «\"»b\": 2}", "expected `,` or `}`, found `\"`"),
    ("{\"a\": [1 «2»]}", "expected `,` or `]`, found `2`"),
    ("{«a»: 1}", "expected a key in double quotes, found `a`"),
    (
        "{«/»/ comment\n\"a\": 1}",
        "expected a key in double quotes, found `/`",
    ),
    (
        "{\"a\": 1,«}»",
        "expected another entry after the comma, found `}`",
    ),
    (
        "[1,«]»",
        "expected another entry after the comma, found `]`",
    ),
    ("{} «{»}", "expected the end of the file, found `{`"),
    (
        "{\"a\": [1, 2«»",
        "the file ends before the last bracket is closed",
    ),
    ("{\"a\": \"b«»", "the file ends inside a text"),
    ("{\"a\":«»", "expected a value, found the end of the file"),
    (
        "[0«1»]",
        "this number is not written as JSON wants it: found `1`",
    ),
    (
        "[1.«]»",
        "this number is not written as JSON wants it: found `]`",
    ),
    (
        "[-«x»]",
        "this number is not written as JSON wants it: found `x`",
    ),
    ("[«1e999»]", "this number is too large to be read"),
    ("[tr«e»u]", "expected true, false or null, found `e`"),
    ("[«T»rue]", "expected a value, found `T`"),
    (
        "[\"a\\«x»\"]",
        "expected an escape that JSON knows, found `x`",
    ),
    (
        "[\"a«\n»\"]",
        "a text must not contain the character '\\n' as it is",
    ),
    ("[\"ï€\" «é»]", "expected `,` or `]`, found `é`"),
];

#[test]
fn the_first_mistake_is_shown_at_its_byte() {
    for (marked, message) in CASES {
        let (before, rest) = marked.split_once('«').unwrap();
        let (mistake, after) = rest.split_once('»').unwrap();
        // In the one case of a key, the parser points at its first character.
        let text = format!("{before}{mistake}{after}");
        let loaded = load("test.json", text.as_bytes());
        let [diagnostic] = &*loaded.diagnostics else {
            panic!("{marked}: {:?}", loaded.diagnostics);
        };
        assert_eq!(diagnostic.message, message, "{marked}");
        assert_eq!(
            diagnostic.code.as_str(),
            "phoenix::syntax::json",
            "{marked}"
        );
        let label = &diagnostic.labels[0];
        let found = (label.offset, label.length);
        assert_eq!(found, (before.len(), mistake.len()), "{marked}");
        assert!(!diagnostic.help.is_empty(), "{marked}");
        assert!(loaded.config().is_none());
    }
}

#[test]
fn an_unclosed_bracket_is_shown_where_it_was_opened() {
    for (text, open) in [
        ("{\"a\": [1, {\"b\": 2}, 3", 6),
        ("{\"a\": \"x]}", 6),
        ("{\"a\": \"\\\"", 6),
        ("{\"a\": {}", 0),
    ] {
        let loaded = load("test.json", text.as_bytes());
        let labels = &loaded.diagnostics[0].labels;
        assert_eq!(labels[0].offset, text.len(), "{text}");
        assert_eq!((labels[1].offset, labels[1].length), (open, 1), "{text}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_in_words() {
    let deep = "[".repeat(200_000);
    let huge = vec![b' '; phoenix_config::MAX_BYTES + 1];
    for (bytes, code, offset) in [
        (&b"\xff\xfe{}"[..], "phoenix::syntax::encoding", Some(0)),
        (b"{\"a\": \"\xe9\"}", "phoenix::syntax::encoding", Some(7)),
        (b"\xef\xbb\xbf{}", "phoenix::syntax::encoding", Some(0)),
        (b"\x7fELF\x02\x01", "phoenix::syntax::json", Some(0)),
        (b"\0\0\0", "phoenix::syntax::json", Some(0)),
        (deep.as_bytes(), "phoenix::syntax::json", Some(128)),
        (&huge, "phoenix::syntax::too-large", None),
    ] {
        let loaded = load("test.json", bytes);
        let [diagnostic] = &*loaded.diagnostics else {
            panic!("{code}: {:?}", loaded.diagnostics);
        };
        assert_eq!(diagnostic.code.as_str(), code);
        let label = diagnostic.labels.first();
        assert_eq!(label.map(|label| label.offset), offset, "{code}");
    }
}
