// Bytes as base64, which JSON can carry.

/** A file's bytes. */
export function ofFile(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Error(`${file.name} cannot be read: ${reader.error.message}`));
    reader.readAsDataURL(file);
  });
}

/** The bytes of a typed array. */
export function ofArray(array) {
  const all = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let text = "";
  // In parts, because the number of arguments of a call is limited.
  for (let at = 0; at < all.length; at += 8192) text += String.fromCharCode(...all.subarray(at, at + 8192));
  return btoa(text);
}
