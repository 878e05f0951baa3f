/** Names that machines give: ids, repositories, tokens. */
import * as v from 'valibot'
import type { BlockOptions } from './sentences.ts'

const UUID = /^[\da-fA-F]{8}-[\da-fA-F]{4}-[1-8][\da-fA-F]{3}-[89abAB][\da-fA-F]{3}-[\da-fA-F]{12}$/

/**
 * A UUID of any version, in lower case whatever it came in, so that it is found. Refuses the nil and the max UUID,
 * which stand for none, and variants of before the RFC.
 *
 * Source: RFC 9562 §4, §5.9, §5.10.
 */
/* @__NO_SIDE_EFFECTS__ */
export function uuid(options: BlockOptions = {}): v.GenericSchema<string> {
  const { name = 'The id' } = options
  const message = `${name} must be a UUID.`
  return v.pipe(v.string(message), { ...v.uuid<string, string>(message), requirement: UUID }, v.toLowerCase())
}

const REPOSITORY = /^(?!.*(?:--|\.\.))(?!.*\.git$)\w(?:[\w.-]{0,94}\w)?\/\w(?:[\w.-]{0,94}\w)?$/

/**
 * A repository of the Hugging Face Hub, trimmed: `owner/name`, each of at most 96 ASCII letters, digits, `-`, `_` and
 * `.`, and of at most 128 together. Refuses `-` and `.` at an end, `--` and `..` anywhere, and a name that ends in
 * `.git`; so it is no path and no URL.
 *
 * Source: huggingface_hub, `validate_repo_id`, but for names without an owner.
 */
/* @__NO_SIDE_EFFECTS__ */
export function repositoryId(options: BlockOptions = {}): v.GenericSchema<string> {
  const { name = 'The repository id' } = options
  const message = `${name} must look like owner/name.`
  return v.pipe(
    v.string(message),
    v.trim(),
    v.maxLength(128, `${name} must have at most 128 characters.`),
    v.regex(REPOSITORY, message),
  )
}

const REVISION = /^(?!.*(?:\.\.|\/[/.]|\.lock$|\.lock\/))\w(?:[\w./+-]{0,62}[\w+-])?$/

/**
 * A revision of a repository, trimmed: a branch, a tag or a commit, of at most 64 ASCII letters, digits, `-`, `_`, `+`,
 * `.` and `/`. Refuses what Git refuses, and what starts with a hyphen, which a command line would take for an option.
 *
 * Source: git-check-ref-format(1).
 */
/* @__NO_SIDE_EFFECTS__ */
export function revision(options: BlockOptions = {}): v.GenericSchema<string> {
  const { name = 'The revision' } = options
  const message = `${name} must be a branch, a tag or a commit.`
  return v.pipe(v.string(message), v.trim(), v.regex(REVISION, message))
}

/**
 * A user access token of Hugging Face, by its form: `hf_` and 30 to 64 ASCII letters and digits (they make 34). Never
 * trimmed. Whether it is valid, Hugging Face knows.
 */
/* @__NO_SIDE_EFFECTS__ */
export function hfToken(options: BlockOptions = {}): v.GenericSchema<string> {
  const { name = 'The token' } = options
  const message = `${name} must be a Hugging Face token: hf_ and 30 or more letters and digits.`
  return v.pipe(v.string(message), v.regex(/^hf_[A-Za-z\d]{30,64}$/, message))
}
