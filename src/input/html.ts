/**
 * HTML that came in, made harmless (`cleanHtml`) or taken out (`stripHtml`), with the parser of `sanitize-html`, a package
 * to install beside this one. Only for fields that are meant to hold HTML, or none; all else is encoded where it goes out.
 *
 * What may be let in is itself on a list of harmless things: no scripts, styles, frames or forms; nothing that holds other
 * than HTML (SVG, MathML, `<textarea>`, `<noscript>`), which markup that changes when it is read again is made of; and no
 * attribute that a page's own scripts go by (`id`, `name`, `data-…`). Who needs more gives `sanitize` a function of
 * their own.
 *
 * Deno wants `--allow-env=CI,FORCE_COLOR,NO_COLOR,TERM` for it: what that package is made of looks for colours when loaded.
 */
import sanitizeHtml from 'sanitize-html'
import { fail } from '../core/body.ts'
import { count, show } from '../core/quantity.ts'

/** Options of {@link cleanHtml}. */
export interface CleanHtmlOptions {
  /** Tags to keep. (`a b blockquote br code em i li ol p pre strong ul`) */
  readonly tags?: readonly string[] | undefined
  /** Attributes to keep by tag, or for all by `'*'`, beside `{ a: ['href'] }` unless that is named. (none) */
  readonly attributes?: Readonly<Record<string, readonly string[]>> | undefined
  /** Schemes that URLs may have. (`http https mailto`) */
  readonly schemes?: readonly string[] | undefined
  /** Keeps URLs without scheme and host too: `/about`, `#top`. (false) */
  readonly relativeUrls?: boolean | undefined
  /** The longest text, in UTF-16 units. (20,000) */
  readonly maxLength?: number | undefined
}

/** Options of {@link stripHtml}. */
export interface StripHtmlOptions {
  /** The longest text, in UTF-16 units. (20,000) */
  readonly maxLength?: number | undefined
}

/**
 * Makes a function that keeps of HTML what is harmless: some formatting, and links, which get
 * `rel="noopener nofollow ugc"`. Of other tags the text stays, but for scripts and the like.
 *
 * What comes out is HTML: `AT&T` is `AT&amp;T` then. Cleaned again, it stays as it is.
 *
 * Throws when made: TypeError if `tags`, `attributes` or `schemes` hold what is not harmless (`iframe`, `onclick`,
 * `javascript`): that cannot be had. Per text: 400 `input-too-complex` if it is longer than `maxLength`. The worst 20,000
 * characters take 25 ms, a megabyte of them a second: keep bodies with HTML small.
 *
 * @example
 * sanitize({ fields: { bio: cleanHtml(), post: cleanHtml({ tags: ['h2', 'p', 'a', 'img'], attributes: { img: ['src', 'alt'] } }) } })
 */
export function cleanHtml(options: CleanHtmlOptions = {}): (text: string) => string {
  const { tags = TAGS, attributes = {}, schemes = SCHEMES, relativeUrls = false, maxLength = LONGEST } = options
  const most = count(maxLength, 'cleanHtml: maxLength')
  only(HARMLESS_TAGS, tags, 'tags')
  only(HARMLESS_SCHEMES, schemes, 'schemes')
  const kept = new Map([['a', ['href']], ...Object.entries(attributes)])
  for (const [tag, names] of Object.entries(attributes)) {
    if (tag !== '*') only(new Set(tags), [tag], 'attributes', 'which is not among the tags')
    only(HARMLESS_ATTRIBUTES, names, `attributes.${tag}`)
  }
  const settings: sanitizeHtml.IOptions = {
    ...SHARED,
    allowedTags: [...tags],
    allowedAttributes: Object.fromEntries(
      [...kept].map(([tag, names]) => [tag, tag === 'a' ? [...names, 'rel'] : [...names]]),
    ),
    allowedSchemes: [...schemes],
    nestingLimit: 100,
    transformTags: {
      '*': (tagName, attribs) => ({ tagName, attribs: withUrls(attribs, schemes, relativeUrls) }),
    },
  }
  return (text) => {
    if (text.length > most) fail('input-too-complex')
    if (!/[&<>\0]/.test(text)) return text
    // Parsers disagree about U+0000, and HTML has no use for it.
    const once = sanitizeHtml(text.replaceAll('\0', ''), settings)
    // A tag that went may have stood between two that cannot be in one another, as `<a>` in `<a>`: now they are told apart.
    return sanitizeHtml(once, settings)
  }
}

/**
 * Makes a function that takes tags out of a text, with all that is in scripts and the like, and puts a line feed where a
 * paragraph or other block ended. A text without `<` stays as it is.
 *
 * What comes out is text: encode it where it goes out, as any other. Character references stay as they came: decoding
 * `&lt;script&gt;` would make a tag of it, and encoding would spoil `AT&T`. A `<` that is no tag stays, with a space after
 * it where one would begin.
 *
 * Throws per text: 400 `input-too-complex` if it is longer than `maxLength`.
 *
 * @example
 * sanitize({ fields: { title: stripHtml() } })
 */
export function stripHtml(options: StripHtmlOptions = {}): (text: string) => string {
  const most = count(options.maxLength ?? LONGEST, 'stripHtml: maxLength')
  return (text) => {
    if (text.length > most) fail('input-too-complex')
    if (!text.includes('<')) return text
    // With each `&` encoded, references come out as they went in, and `<` is nothing but the start of a block's tag.
    return sanitizeHtml(text.replaceAll('&', '&amp;'), TO_TEXT)
      .replace(/(?:<[^>]*>)+/g, (tags, at: number, all: string) => at > 0 && at + tags.length < all.length ? '\n' : '')
      .replace(/&(lt|gt|amp);/g, (_reference, name: string) => name === 'lt' ? '<' : name === 'gt' ? '>' : '&')
      .replace(/<(?=[a-z/!?])/gi, '< ')
  }
}

const LONGEST = 20_000
const TAGS = ['a', 'b', 'blockquote', 'br', 'code', 'em', 'i', 'li', 'ol', 'p', 'pre', 'strong', 'ul']
const SCHEMES = ['http', 'https', 'mailto']

const BLOCKS =
  'address article aside blockquote br caption dd details div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 header ' +
  'hgroup hr li main menu nav ol p pre section summary table tbody td tfoot th thead tr ul'
const INLINE =
  'a abbr b bdi bdo cite code col colgroup data del dfn em i img ins kbd mark q rb rp rt rtc ruby s samp small span ' +
  'strong sub sup time u var wbr'
const HARMLESS_TAGS = /* @__PURE__ */ new Set(`${BLOCKS} ${INLINE}`.split(' '))

const HARMLESS_ATTRIBUTES = /* @__PURE__ */ new Set(
  ('abbr alt cite class colspan datetime dir height href lang loading open reversed rowspan scope span src start target ' +
    'title type value width').split(' '),
)

/** http, https and those that any site may register a handler for (HTML, safelisted schemes). */
const HARMLESS_SCHEMES = /* @__PURE__ */ new Set(
  ('http https bitcoin ftp ftps geo im irc ircs magnet mailto matrix mms news nntp openpgp4fpr sftp sip sms smsto ssh tel ' +
    'urn webcal wtai xmpp').split(' '),
)

const SHARED: sanitizeHtml.IOptions = {
  /** What is in these is not for reading, or not read as HTML. */
  nonTextTags: [
    ...['iframe', 'noembed', 'noframes', 'noscript', 'option', 'plaintext'],
    ...['script', 'style', 'template', 'textarea', 'xmp'],
  ],
  selfClosing: ['br', 'col', 'hr', 'img', 'wbr'],
}

const TO_TEXT: sanitizeHtml.IOptions = { ...SHARED, allowedTags: BLOCKS.split(' '), allowedAttributes: {} }

function only(
  harmless: ReadonlySet<string>,
  wanted: readonly string[],
  option: string,
  why = 'which is not harmless',
): void {
  if (!Array.isArray(wanted)) throw new TypeError(`cleanHtml: ${option} must be a list`)
  for (const one of wanted) {
    if (!harmless.has(one)) throw new TypeError(`cleanHtml: ${option} holds ${show(one)}, ${why}`)
  }
}

/** The attributes of one tag. What is checked in a URL is what is kept: the URL as browsers read it. */
function withUrls(
  given: Record<string, string>,
  schemes: readonly string[],
  relative: boolean,
): Record<string, string> {
  const { rel: _, ...attributes } = given
  for (const name of ['href', 'src', 'cite']) {
    if (attributes[name] === undefined) continue
    // Browsers skip tabs and line breaks anywhere; about other controls, in no URL of good faith, they do not agree.
    const url = attributes[name].replace(/[\t\n\r]/g, '').trim()
    const scheme = /^([a-z][a-z\d+.-]*):/i.exec(url)?.[1]
    const kept = scheme === undefined ? relative && !/^[\\/]{2}/.test(url) : schemes.includes(scheme.toLowerCase())
    // deno-lint-ignore no-control-regex
    if (kept && !/[\0-\x1f\x7f]/.test(url)) attributes[name] = lowerScheme(url, scheme)
    else delete attributes[name]
  }
  return attributes['href'] ? { ...attributes, rel: 'noopener nofollow ugc' } : attributes
}

function lowerScheme(url: string, scheme = ''): string {
  return scheme.toLowerCase() + url.slice(scheme.length)
}
