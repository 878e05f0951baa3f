/** Where people and things are reached. */
import * as v from 'valibot'
import { count } from '../../core/quantity.ts'
import type { BlockOptions } from './sentences.ts'

// A dot-atom of 64 characters at most, and a host name of two labels or more. No part can be read in two ways.
const EMAIL =
  /^(?=[^@]{1,64}@)[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*@(?:[A-Za-z\d](?:[A-Za-z\d-]{0,61}[A-Za-z\d])?\.)+(?:[A-Za-z]{2,63}|[Xx][Nn]--[A-Za-z\d-]{0,58}[A-Za-z\d])$/

/**
 * An e-mail address, trimmed: at most 254 characters, 64 of them before the `@`. The domain comes out in lower case,
 * for it has none; the part before it as it came, for only the receiver knows whether case counts there. Compare
 * accounts without.
 *
 * Refuses what the RFC allows and nobody has: quoted names, comments, addresses in brackets, a domain of one label. And
 * what needs SMTPUTF8: an international domain comes as `xn--`. That somebody reads mail there only a mail can tell.
 *
 * Source: RFC 5321 §2.4, §4.1.2, §4.5.3.1; RFC 3696 erratum 1690; RFC 1035 §2.3.1.
 */
/* @__NO_SIDE_EFFECTS__ */
export function email(options: BlockOptions = {}): v.GenericSchema<string> {
  const { name = 'The e-mail address' } = options
  return v.pipe(
    v.string(`${name} must be text.`),
    v.trim(),
    v.maxLength(254, `${name} must have at most 254 characters.`),
    // Valibot's own pattern refuses apostrophes, which names have.
    { ...v.email<string, string>(`${name} is not one.`), requirement: EMAIL },
    v.transform((address) => {
      const at = address.lastIndexOf('@')
      return address.slice(0, at) + address.slice(at).toLowerCase()
    }),
  )
}

/** Options of {@link url}. */
export interface UrlOptions extends BlockOptions {
  /** Takes `http:` too. (false) */
  readonly http?: boolean | undefined
  /** Most characters, as it comes and as it goes out. (2,048) */
  readonly max?: number | undefined
}

/**
 * A web address, trimmed: absolute, `https:`. It comes out as the URL standard writes it, so that what is used later is
 * what was checked. Refuses other schemes, a user or a password in it, spaces, control characters and backslashes.
 *
 * Not its job: where it leads. A server that fetches it must look at the host and its addresses, or be made to call
 * inside (SSRF).
 *
 * Source: WHATWG URL; RFC 9110 §4.2.4.
 */
/* @__NO_SIDE_EFFECTS__ */
export function url(options: UrlOptions = {}): v.GenericSchema<string> {
  const { http = false, max = 2_048, name = 'The address' } = options
  const length = `${name} must have at most ${max} characters.`
  const most = v.maxLength<string, number, string>(count(max, 'url: max'), length)
  return v.pipe(
    v.string(`${name} must be text.`),
    v.trim(),
    most,
    {
      ...v.url<string, string>(`${name} must be a URL that starts with https://${http ? ' or http://' : ''}.`),
      // Too long is said already, and not parsed: a host full of combining marks takes Bun quadratic time.
      requirement: (value: string) => value.length > max || isWebUrl(value, http),
    },
    v.transform((value) => new URL(value).href),
    most,
  )
}

function isWebUrl(value: string, http: boolean): boolean {
  // The URL parser repairs these: it drops line breaks, and takes a backslash for a slash.
  if (!/^https?:\/\/[^/]/i.test(value) || /[\s\\\p{Cc}\p{Cs}]/u.test(value)) return false
  try {
    const { protocol, username, password } = new URL(value)
    return (protocol === 'https:' || http) && username === '' && password === ''
  } catch {
    return false
  }
}
