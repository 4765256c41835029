//! Data URLs: files inside a request.

use edgefuse::inline::from_data_url;

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
    from_data_url(data).map_err(wrong)
}
