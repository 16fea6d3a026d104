//! What compressed messages say.

use rfc6455::Opcode;
use wsspec::corpus::Corpus;

const ALL: [Corpus; 5] = [
    Corpus::Json,
    Corpus::Bitmap,
    Corpus::Prose,
    Corpus::Html,
    Corpus::Compressed,
];

#[test]
fn every_window_has_its_length_and_is_another_one() {
    for corpus in ALL {
        let windows = [0, 1, 7].map(|it| corpus.window(it, 131_072));
        for window in &windows {
            let length = match corpus.opcode() {
                Opcode::TEXT => {
                    let text = std::str::from_utf8(window);
                    text.expect("text is UTF-8").chars().count()
                }
                _ => window.len(),
            };
            assert_eq!(length, 131_072);
        }
        assert_ne!(windows[0], windows[1]);
        assert_ne!(windows[0], windows[2]);
    }
}

#[test]
fn each_kind_compresses_as_its_name_says() {
    let ratio = |corpus: Corpus| {
        let window = corpus.window(0, 100_000);
        let mut compressor = rfc7692::Compressor::new(15, true);
        100 * compressor.message(&window).len() / window.len()
    };
    assert!(ratio(Corpus::Json) < 40);
    assert!(ratio(Corpus::Html) < 40);
    assert!(ratio(Corpus::Prose) < 50);
    assert!(ratio(Corpus::Bitmap) < 80);
    assert!(ratio(Corpus::Compressed) > 90);
}
