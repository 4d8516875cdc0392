/** JSON text as MicroPython and Python write it, so that clients meet the spacing and escapes of the real server. */

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** Writes like Python's `json.dumps`: a space after `:` and `,`, every character beyond ASCII as `\uXXXX`. */
export function toPythonJson(value: JsonValue): string {
  if (typeof value === 'string') return quote(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (isList(value)) return `[${value.map(toPythonJson).join(', ')}]`
  const fields = Object.entries(value).map(([key, field]) => `${quote(key)}: ${toPythonJson(field)}`)
  return `{${fields.join(', ')}}`
}

function isList(value: object): value is readonly JsonValue[] {
  return Array.isArray(value)
}

const BEYOND_ASCII = /[\u007f-\uffff]/g

function quote(text: string): string {
  return JSON.stringify(text).replace(BEYOND_ASCII, character => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
