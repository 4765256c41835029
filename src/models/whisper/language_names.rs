//! Whisper's languages, under all their names: `LANGUAGES` and `TO_LANGUAGE_CODE` of openai-whisper's `tokenizer.py`,
//! the codes of ISO 639-1 (old ones too), 639-2 and 639-3, in BCP 47 and POSIX notation.

/// Minimum similarity of names suggested for an unknown one (Jaro-Winkler, in [0, 1]).
const SIMILAR: f64 = 0.84;

/// Maximum number of suggestions.
const MOST_SUGGESTED: usize = 3;

/// Whisper's code of a language by any of its codes or names, in any case: `en`, `EN`, `en-US`, `en_US.UTF-8`, `eng`,
/// `English`, `English (US)`. `None` for an unknown language.
pub fn code(name: &str) -> Option<&'static str> {
    let name = name.trim().to_lowercase();
    // Phones and browsers add the region: `English (United States)`.
    let name = match name.split_once(" (") {
        Some((language, region)) if region.ends_with(')') => language.trim_end().to_string(),
        _ => name,
    };
    if let Some(code) = known(&name) {
        return Some(code);
    }
    // A tag such as `zh-Hant-TW` or `pt_BR.UTF-8@euro`: its first part is the language.
    let mut tags = name.split(['-', '_', '.', '@']);
    let primary = tags.next().filter(|tag| (2..=3).contains(&tag.len()))?;
    // In `zh-yue` it is the second part.
    match (primary, tags.next()) {
        ("zh", Some("yue")) => Some("yue"),
        (primary, Some(_)) => by_code(primary),
        (_, None) => None,
    }
}

/// The English name of a language by Whisper's code, in lower case, as openai-whisper writes it.
pub fn name(code: &str) -> Option<&'static str> {
    LANGUAGES.iter().find(|(codes, _)| codes.first() == Some(&code)).and_then(|(_, names)| names.first().copied())
}

/// Names of languages similar to the unknown `name`.
pub(super) fn suggestions(name: &str) -> Vec<&'static str> {
    let name = name.trim().to_lowercase();
    let similar = |known: &str| strsim::jaro_winkler(&name, known);
    let names = LANGUAGES.iter().flat_map(|(_, names)| names.iter().copied());
    let mut close: Vec<(f64, &str)> = names.map(|known| (similar(known), known)).collect();
    close.retain(|(similarity, _)| *similarity >= SIMILAR);
    close.sort_by(|a, b| b.0.total_cmp(&a.0));
    close.into_iter().map(|(_, name)| name).take(MOST_SUGGESTED).collect()
}

/// Looks up a code or name without normalisation.
fn known(name: &str) -> Option<&'static str> {
    by_code(name).or_else(|| find(|(_, names)| names.contains(&name)))
}

fn by_code(code: &str) -> Option<&'static str> {
    find(|(codes, _)| codes.contains(&code))
}

fn find(is_it: impl Fn(&Language) -> bool) -> Option<&'static str> {
    LANGUAGES.iter().find(|language| is_it(language)).and_then(|(codes, _)| codes.first().copied())
}

/// Codes, starting with Whisper's, and names, in lower case.
type Language = (&'static [&'static str], &'static [&'static str]);

#[rustfmt::skip]
const LANGUAGES: [Language; 100] = [
    (&["af", "afr"], &["afrikaans"]),
    (&["am", "amh"], &["amharic"]),
    (&["ar", "ara", "arb"], &["arabic"]),
    (&["as", "asm"], &["assamese"]),
    (&["az", "aze", "azj"], &["azerbaijani"]),
    (&["ba", "bak"], &["bashkir"]),
    (&["be", "bel"], &["belarusian"]),
    (&["bg", "bul"], &["bulgarian"]),
    (&["bn", "ben"], &["bengali", "bangla"]),
    (&["bo", "bod", "tib"], &["tibetan"]),
    (&["br", "bre"], &["breton"]),
    (&["bs", "bos"], &["bosnian"]),
    (&["ca", "cat"], &["catalan", "valencian"]),
    (&["cs", "ces", "cze"], &["czech"]),
    (&["cy", "cym", "wel"], &["welsh"]),
    (&["da", "dan"], &["danish"]),
    (&["de", "deu", "ger"], &["german", "deutsch"]),
    (&["el", "ell", "gre"], &["greek"]),
    (&["en", "eng"], &["english"]),
    (&["es", "spa"], &["spanish", "castilian", "español", "espanol"]),
    (&["et", "est", "ekk"], &["estonian"]),
    (&["eu", "eus", "baq"], &["basque"]),
    (&["fa", "fas", "per", "pes"], &["persian", "farsi"]),
    (&["fi", "fin"], &["finnish"]),
    (&["fo", "fao"], &["faroese"]),
    (&["fr", "fra", "fre"], &["french", "français", "francais"]),
    (&["gl", "glg"], &["galician"]),
    (&["gu", "guj"], &["gujarati"]),
    (&["ha", "hau"], &["hausa"]),
    (&["haw"], &["hawaiian"]),
    (&["he", "iw", "heb"], &["hebrew"]),
    (&["hi", "hin"], &["hindi"]),
    (&["hr", "hrv"], &["croatian"]),
    (&["ht", "hat"], &["haitian creole", "haitian"]),
    (&["hu", "hun"], &["hungarian"]),
    (&["hy", "hye", "arm"], &["armenian"]),
    (&["id", "in", "ind"], &["indonesian"]),
    (&["is", "isl", "ice"], &["icelandic"]),
    (&["it", "ita"], &["italian", "italiano"]),
    (&["ja", "jpn"], &["japanese", "日本語"]),
    (&["jw", "jv", "jav"], &["javanese"]),
    (&["ka", "kat", "geo"], &["georgian"]),
    (&["kk", "kaz"], &["kazakh"]),
    (&["km", "khm"], &["khmer"]),
    (&["kn", "kan"], &["kannada"]),
    (&["ko", "kor"], &["korean", "한국어"]),
    (&["la", "lat"], &["latin"]),
    (&["lb", "ltz"], &["luxembourgish", "letzeburgesch"]),
    (&["ln", "lin"], &["lingala"]),
    (&["lo", "lao"], &["lao"]),
    (&["lt", "lit"], &["lithuanian"]),
    (&["lv", "lav", "lvs"], &["latvian"]),
    (&["mg", "mlg"], &["malagasy"]),
    (&["mi", "mri", "mao"], &["maori"]),
    (&["mk", "mkd", "mac"], &["macedonian"]),
    (&["ml", "mal"], &["malayalam"]),
    (&["mn", "mon", "khk"], &["mongolian"]),
    (&["mr", "mar"], &["marathi"]),
    (&["ms", "msa", "may", "zsm"], &["malay"]),
    (&["mt", "mlt"], &["maltese"]),
    (&["my", "mya", "bur"], &["myanmar", "burmese"]),
    (&["ne", "nep", "npi"], &["nepali"]),
    (&["nl", "nld", "dut"], &["dutch", "flemish", "nederlands"]),
    (&["nn", "nno"], &["nynorsk", "norwegian nynorsk"]),
    (&["no", "nor", "nb", "nob"], &["norwegian", "bokmål", "bokmal", "norwegian bokmål", "norwegian bokmal", "norsk"]),
    (&["oc", "oci"], &["occitan"]),
    (&["pa", "pan"], &["punjabi", "panjabi"]),
    (&["pl", "pol"], &["polish"]),
    (&["ps", "pus"], &["pashto", "pushto"]),
    (&["pt", "por"], &["portuguese", "português", "portugues"]),
    (&["ro", "ron", "rum", "mo", "mol"], &["romanian", "moldavian", "moldovan"]),
    (&["ru", "rus"], &["russian", "русский"]),
    (&["sa", "san"], &["sanskrit"]),
    (&["sd", "snd"], &["sindhi"]),
    (&["si", "sin"], &["sinhala", "sinhalese"]),
    (&["sk", "slk", "slo"], &["slovak"]),
    (&["sl", "slv"], &["slovenian"]),
    (&["sn", "sna"], &["shona"]),
    (&["so", "som"], &["somali"]),
    (&["sq", "sqi", "alb"], &["albanian"]),
    (&["sr", "srp"], &["serbian"]),
    (&["su", "sun"], &["sundanese"]),
    (&["sv", "swe"], &["swedish"]),
    (&["sw", "swa", "swh"], &["swahili"]),
    (&["ta", "tam"], &["tamil"]),
    (&["te", "tel"], &["telugu"]),
    (&["tg", "tgk"], &["tajik"]),
    (&["th", "tha"], &["thai"]),
    (&["tk", "tuk"], &["turkmen"]),
    (&["tl", "tgl", "fil"], &["tagalog", "filipino"]),
    (&["tr", "tur"], &["turkish"]),
    (&["tt", "tat"], &["tatar"]),
    (&["uk", "ukr"], &["ukrainian"]),
    (&["ur", "urd"], &["urdu"]),
    (&["uz", "uzb", "uzn"], &["uzbek"]),
    (&["vi", "vie"], &["vietnamese"]),
    (&["yi", "ji", "yid"], &["yiddish"]),
    (&["yo", "yor"], &["yoruba"]),
    (&["yue"], &["cantonese"]),
    (&["zh", "zho", "chi", "cmn"], &["chinese", "mandarin", "mandarin chinese", "simplified chinese", "traditional chinese", "中文"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn languages_are_known_by_all_they_are_called() {
        for (written, expected) in [
            ("EN", "en"), ("en-US", "en"), ("en_US", "en"), ("en_GB.UTF-8", "en"), ("eng", "en"), ("English", "en"),
            ("zh-Hant", "zh"), ("zh-Hans-CN", "zh"), ("cmn", "zh"), ("MANDARIN", "zh"), ("zh-yue", "yue"),
            ("yue-HK", "yue"), ("Cantonese", "yue"), ("iw", "he"), ("heb", "he"), ("jv", "jw"), ("jw", "jw"),
            ("Castilian", "es"), ("es-419", "es"), ("Español", "es"), ("in", "id"), ("ji", "yi"), ("mo", "ro"),
            ("nb-NO", "no"), ("nn", "nn"), ("ger", "de"), ("deu", "de"), ("fil", "tl"), ("Haitian Creole", "ht"),
            (" German ", "de"), ("haw", "haw"), ("pt-BR", "pt"), ("English (US)", "en"), ("Mandarin Chinese", "zh"),
            ("Portuguese (Brazil)", "pt"), ("Traditional Chinese", "zh"),
        ] {
            assert_eq!(code(written), Some(expected), "{written}");
        }
        for unknown in ["klingon", "xx", "", "-", "english-us", "e", "xx-US", "\u{0}", "(US)", "english (us", "klingon (US)"] {
            assert_eq!(code(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn every_name_is_of_one_language() {
        let mut all: Vec<&str> = Vec::new();
        for (codes, names) in LANGUAGES {
            let mut of_one: Vec<&str> = codes.iter().chain(names).copied().collect();
            of_one.sort_unstable();
            // The name of Lao is also its code.
            of_one.dedup();
            all.extend(of_one);
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(all.iter().all(|name| name.to_lowercase() == **name));
    }

    #[test]
    fn what_is_misspelt_is_suggested() {
        assert_eq!(suggestions("Germen").first(), Some(&"german"));
        assert!(suggestions("spainish").contains(&"spanish"));
        assert_eq!(suggestions("xx"), Vec::<&str>::new());
    }
}
