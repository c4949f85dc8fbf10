// @ts-check
// Words of the login, and why a form was refused.

import { number } from "../numbers.js";

export const login = {
  logIn: "Log in",
  signUp: "Sign up",
  loggingIn: "Logging in…",
  signingUp: "Signing up…",
  tabs: "Log in or sign up",
  username: "Username",
  password: "Password",
  invite: "Invite",
  inviteHint: "Whoever runs this server gives you one.",
  passwordHint: "At least 8 characters.",
  show: "Show",
  hide: "Hide",
  showPassword: "Show the password",
  hidePassword: "Hide the password",
  headline: "Say it once. It stays said.",
  promise: "A sent message is kept. If the connection drops, what you write waits, and goes out when you are back.",
  forgot: "Forgot your password? Ask whoever runs this server.",
  trust: "No passwords here: anybody can be anybody.",
  closed: "This server takes no new accounts.",
  /** @param {number} seconds */
  tryAgainIn: (seconds) => `Try again in ${number(seconds)} s`,
};

/** Why a login, a registration or another form was refused. */
export const refused = {
  wrongCredentials: "Wrong username or password.",
  unknownUser: "Nobody has this name.",
  nameTaken: "This name is taken. Try another.",
  /** @param {number} seconds */
  tooManyTries: (seconds) => `Too many tries. Wait ${number(seconds)} s.`,
  nameMissing: "Type a username.",
  nameTooLong: "This name is too long.",
  nameBlankEdges: "Leave no blank at the start or end.",
  nameCharacters: "Use letters, digits and signs like - and _, without blanks.",
  nameDirections: "Use letters of one direction of writing alone.",
  passwordMissing: "Type a password.",
  passwordTooShort: "Use at least 8 characters.",
  passwordTooLong: "This password is too long.",
  passwordCharacters: "This password has characters that do not show. Use others.",
  passwordCommon: "Many people have this password. Choose another.",
  passwordIsName: "Choose a password that is not your username.",
  passwordWrong: "This is not your current password.",
  inviteMissing: "Type your invite.",
  inviteInvalid: "This invite was used, or is too old. Ask for another.",
  chatNameMissing: "Type a name for the group.",
  chatNameTooLong: "This name is too long.",
  chatNameCharacters: "A name is one line, without signs that turn its direction.",
  descriptionTooLong: "This description is too long.",
  displayNameTooLong: "This name is too long.",
  displayNameCharacters: "A name is one line, without signs that turn its direction.",
};
