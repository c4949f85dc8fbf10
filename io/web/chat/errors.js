// @ts-check
// Refusals in the page's own words: by `code` and field, never by the server's sentences.

import * as words from "./words.js";

const { refused, failure } = words;

/** The wait where a refusal names none, in seconds. */
const WAIT = 10;

/** @type {Record<string, Record<string, string>>} By field, then by code; `""` stands for any other code. */
const fields = {
  username: {
    missing: refused.nameMissing,
    too_short: refused.nameMissing,
    blank: refused.nameMissing,
    too_long: refused.nameTooLong,
    taken: refused.nameTaken,
    malformed: refused.nameDirections,
    "": refused.nameCharacters,
  },
  password: {
    missing: refused.passwordMissing,
    too_short: refused.passwordTooShort,
    too_long: refused.passwordTooLong,
    too_common: refused.passwordCommon,
    same_as_username: refused.passwordIsName,
    invalid: refused.passwordWrong,
    "": refused.passwordCharacters,
  },
  invite: { missing: refused.inviteMissing, too_short: refused.inviteMissing, "": refused.inviteInvalid },
  old: { missing: refused.passwordMissing, "": refused.passwordWrong },
  name: {
    missing: refused.chatNameMissing,
    too_short: refused.chatNameMissing,
    blank: refused.chatNameMissing,
    too_long: refused.chatNameTooLong,
    "": refused.chatNameCharacters,
  },
  description: { too_long: refused.descriptionTooLong, "": refused.chatNameCharacters },
  display_name: { too_long: refused.displayNameTooLong, "": refused.displayNameCharacters },
};
fields.new = fields.password;

/** @type {Record<string, [string, string]>} Codes that are about a field without naming it. */
const codes = {
  wrong_credentials: ["password", refused.wrongCredentials],
  username_taken: ["username", refused.nameTaken],
  invite_required: ["invite", refused.inviteMissing],
  invite_invalid: ["invite", refused.inviteInvalid],
  wrong_password: ["old", refused.passwordWrong],
};

/** @type {Record<string, string>} */
const sentences = {
  offline: failure.offline,
  registration_closed: words.login.closed,
  not_admin: failure.notAdmin,
  last_admin: failure.lastAdmin,
  direct_chat: failure.direct,
  blocked: failure.blocked,
  too_many_blocks: failure.tooManyBlocks,
  too_many_reactions: failure.tooManyReactions,
  message_deleted: failure.messageDeleted,
  unknown_member: failure.unknownMember,
  not_found: failure.noChat,
  unauthenticated: failure.loginEnded,
};

/** @typedef {{ field: string | null, text: string, wait: number }} Refusal What to say, at which field, and the seconds to wait. */

/** @param {any} problem @returns {Refusal} */
export function refusal(problem) {
  const wait = problem?.status === 429 || problem?.status === 503 ? Math.ceil(problem.retryAfter ?? WAIT) : 0;
  if (wait) return { field: null, text: waiting(problem, wait), wait };
  for (const { field, code } of problem?.errors ?? []) {
    const texts = fields[field];
    if (texts) return { field, text: texts[code] ?? texts[""], wait };
  }
  const [field, text] = codes[problem?.code] ?? [null, sentences[problem?.code] ?? failure.notDone];
  return { field, text, wait };
}

const loginLimits = new Set(["login-rate", "account-logins", "address-logins", "logouts-per-user"]);
const chatLimits = new Set(["chats-per-user", "memberships-per-user"]);

/** @param {any} problem @param {number} wait */
function waiting(problem, wait) {
  if (chatLimits.has(problem.limit)) return failure.tooManyChats;
  if (loginLimits.has(problem.limit)) return refused.tooManyTries(wait);
  return problem.status === 503 ? failure.busyWait(wait) : failure.tooFast(wait);
}

/** The sentence alone, where no field is near. @param {any} problem */
export const sentenceFor = (problem) => refusal(problem).text;

/** Whether the fault is the page's own, and none of a server's answers. @param {any} problem */
export const isProblem = (problem) => typeof problem?.code === "string" && typeof problem?.status === "number";
