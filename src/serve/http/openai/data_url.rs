//! Data URLs: files inside a request.

use crate::serve::http::failure::Failure;

/// The bytes of a data URL in the field `field`; `example` is the type that messages show, such as `image/jpeg`. Other
/// URLs are never fetched.
pub fn read(field: &str, example: &str, url: &str) -> Result<Vec<u8>, Failure> {
    let wrong = |problem: &str| Failure::field(field, problem);
    let Some(data) = url.strip_prefix("data:") else {
        let problem =
            format!("only data URLs are accepted (`data:{example};base64,...`): this service fetches nothing");
        return Err(wrong(&problem));
    };
    let (kind, data) = data.split_once(',').ok_or_else(|| wrong("the data URL has no comma"))?;
    if !kind.ends_with(";base64") {
        return Err(wrong("the data URL must be base64"));
    }
    base64::decode(data.trim()).map_err(|error| wrong(&format!("base64: {error}")))
}
