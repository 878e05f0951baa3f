/**
 * Secrets that show by their shape, wherever they stand in a text: in a message, a stack, a path, somebody else's JSON.
 *
 * JSON Web Tokens, payment card numbers, `Bearer` and `Basic` credentials, passwords in URLs, values of secret names in
 * `name=value` and `"name": "value"`, private keys, and tokens that name themselves: those of GitHub, Slack, Stripe, OpenAI
 * and Anthropic. What follows `name:` without quotes is prose, and stays.
 *
 * Every expression is linear, and texts are cut before they are read. What a cut goes through is hidden too.
 */
import type { SecretTest } from './redact.ts'

/**
 * Is there anything to look at? A superset of {@link SHAPE}: most texts cost these tests. Engines skip ahead for each of the
 * three; for all in one they would not.
 */
function suspicious(text: string): boolean {
  return /[=%"'@J]/.test(text) || /earer |asic |-----B|(?:gh.|_pat|xox.|sk)[-_]/.test(text) ||
    /[2-6]\d{3}[ +-]?\d{4,6}[ +-]?\d\d/.test(text)
}

/** What comes before a secret: its name, which code has to judge, or its scheme. */
const LEADS = [
  /(?=[:=%])(?<=([\w.%[\]+*-]{1,40})["'\\]{0,2} ?)(?:=|%3[Dd]|:(?= ?\\?["'])) ?\\?["']?/,
  /[Bb]earer +(?!(?:auth[a-z]*|tokens?|realm)(?:[^\w.~+/-]|$))/,
  /[Bb]asic +(?=\S{4})(?!realm|[A-Z]?[a-z]*(?![\w+/=:]))/, // a word after it is prose
]

/** What is a secret itself, if a token has two dots and a card's check digit is right. */
const SECRETS = [
  /eyJ[\w.-]*/,
  // By prefix and length: 16 digits, and 19, are most; Diners has 14, American Express 15, and Visa once had 13.
  /(?<!(?<!%.)\w|\d\.)(?:[456]\d|2[2-7]|35)\d\d(?<gap>%20|[ +-]?)\d{4}\k<gap>\d{4}\k<gap>\d{4}(?:\d{3})?(?!\w|\.\d)/,
  /(?<!(?<!%.)\w|\d\.)(?:3[046-9]\d\d(?<space>%20|[ +-]?)\d{6}\k<space>\d{4,5}|4\d{12})(?!\w|\.\d)/,
  /(?<=:\/\/[^\s/?#:@]{0,64}:)[^\s/?#"<>]+(?=@)/,
  /-----BEGIN [A-Z ]*PRIVATE KEY[^]*?(?:-----END|$)/,
  /(?<!(?<!%.)[A-Za-z\d])(?:gh[opsur]|github_pat|xox[a-z]|sk)[-_][\w-]{20,}/,
]

const sources = (shapes: readonly RegExp[]): string => shapes.map(({ source }) => source).join('|')
const SHAPE = /* @__PURE__ */ new RegExp(`(${sources(LEADS)})|${sources(SECRETS)}`, 'g')

/** What comes after a lead: to the quote that closes it, else to the next parameter or space. */
const VALUE = /(?<=(["']))(?:\\.|(?!\1)[^\\])+|(?:[Bb](?:earer|asic) +)?[^&\s"'<>][^&\s"<>]*/y

/** A cut text is read this much further: the longest card number, and a token's prefix with what makes it one. */
const BEYOND = 40

/** Makes what puts `instead` in the place of each secret in a text, of which it takes at most `most` characters. */
export function secretText(isSecret: SecretTest, instead: string): (text: string, most: number) => string {
  const hide = (text: string): string => {
    let out = ''
    let done = 0
    SHAPE.lastIndex = 0
    for (let found; (found = SHAPE.exec(text)) !== null;) {
      const [all, lead, name] = found
      let start = found.index
      if (lead !== undefined) {
        start = VALUE.lastIndex = SHAPE.lastIndex
        if (name !== undefined && !isSecret(name) || !VALUE.test(text)) continue
        SHAPE.lastIndex = VALUE.lastIndex
      } else if (all.startsWith('eyJ') ? all.split('.', 3).length < 3 : /^\d/.test(all) && !luhn(all)) {
        // Four digits that are not a card's may stand before one.
        if (!all.startsWith('e')) SHAPE.lastIndex = start + 3
        continue
      }
      out += text.slice(done, start) + instead
      done = SHAPE.lastIndex
    }
    return out + text.slice(done)
  }
  return (text, most) => {
    if (text.length <= most) return suspicious(text) ? hide(text) : text
    let part = text.slice(0, most + BEYOND)
    // The end that makes half a token and half a password whole.
    if (part.length < text.length) part += '..@'
    return `${hide(part).slice(0, most - part.length).slice(0, most)}…`
  }
}

/** Do the digits end in the right check digit? */
function luhn(number: string): boolean {
  const digits = number.replaceAll('%20', '')
  let sum = 0
  let twice = 0
  for (let i = digits.length; --i >= 0;) {
    const digit = digits.charCodeAt(i) - 48 << twice
    if (digit < 0) continue
    sum += digit > 9 ? digit - 9 : digit
    twice ^= 1
  }
  return sum % 10 === 0
}
