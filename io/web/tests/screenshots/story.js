// What the pictures show: nine people, their chats, and one evening. Times are those of the page, whose clock stands still.

export const NOW = "2026-11-30T17:36:00Z";
const today = (time) => `2026-11-30T${time}:00Z`;
const yesterday = (time) => `2026-11-29T${time}:00Z`;
const november = (day, time = "12:00") => `2026-11-${day}T${time}:00Z`;

export const READER = "yusuf";
export const PASSWORD = "correct horse battery";

export const people = {
  yusuf: "Yusuf Demir",
  ada: "Ada Okafor",
  ben: "Ben Larsen",
  chidi: "Chidi Eze",
  maryam: "مريم الحداد",
  dana: "Dana Petrova",
  elif: "Elif Yılmaz",
  goran: "Goran Babić",
  hana: "Hana Sato",
};
export const online = ["ada", "ben", "chidi", "maryam"];
export const lastSeen = {
  dana: today("17:11"),
  elif: today("14:10"),
  goran: november(29, "20:15"),
  hana: november(28, "19:40"),
};

/** A message, and what became of it. */
const says = (by, at, content, then = {}) => ({ by, at, content, ...then });
const everybody = Object.keys(people);

/** Which of the eight colours of avatars, which go by ids, each is to have. */
export const colours = {
  yusuf: 5, ada: 4, ben: 1, chidi: 3, maryam: 7, dana: 5, elif: 6, goran: 2, hana: 0,
  "Climbing on Thursdays": 2, "Release crew": 6, "Flat 4B": 3, "On call": 0, "Bookshop shift": 2, "Sunday football": 1,
};

/** Oldest first, as the list has the latest first. `read`: how many of the messages the reader has read; all, if it is not said. */
export const chats = [
  { direct: "elif", messages: [says("elif", november(19), "See you at the station then")] },
  { name: "Sunday football", by: "goran", members: ["yusuf", "ben"], messages: [says("goran", november(22), "No pitch this week, they have a tournament")] },
  { direct: "chidi", messages: [says("chidi", november(25, "18:30"), "wrong window", { deleted: november(25, "18:31") })] },
  { name: "Bookshop shift", by: "elif", members: ["yusuf", "hana"], messages: [says("elif", november(26), "I can swap Saturday for Monday, if nobody minds")] },
  { direct: "dana", messages: [says("dana", november(27, "11:02"), "The parcel is at my place"), says("yusuf", november(27, "11:20"), "👍")] },
  {
    name: "On call", by: "dana", members: ["yusuf", "chidi"], muted: true, read: 0,
    messages: Array.from({ length: 120 }, (_, i) => says("dana", november(27, "15:00"), i < 119 ? "Nothing to report" : "Handover is in the notes")),
  },
  { direct: "maryam", messages: [says("maryam", today("13:40"), "شكراً، أراك غداً 🌿")] },
  { name: "Flat 4B", by: "ada", members: ["yusuf", "ben"], muted: true, messages: [says("yusuf", today("15:05"), "The plumber comes at nine")] },
  { direct: "ben", draft: "I looked at the second one", messages: [says("ben", today("16:48"), "Which of the two flats did you like better?")] },
  {
    name: "Release crew", by: "chidi", members: ["yusuf", "dana", "hana"], read: 0,
    messages: Array.from({ length: 12 }, (_, i) => says("chidi", today("17:12"), i < 11 ? `Node ${i + 1} is done` : "2.4 is on all nodes, lag stays under a millisecond")),
  },
  { direct: "ada", read: 0, types: true, messages: [says("ada", today("17:28"), "Are you coming tonight?"), says("ada", today("17:29"), "I have a seat in the car")] },
];

export const room = {
  name: "Climbing on Thursdays", by: "ada", at: november(3), members: everybody.filter((one) => one !== "ada" && one !== "maryam"), admins: ["ben"], read: 8,
  messages: [
    says("ada", yesterday("17:58"), "The north wall is closed until Friday, they are resetting the routes."),
    says("ada", yesterday("17:59"), "Shall we try the hall by the station instead?", {
      reactions: { "👍": ["yusuf", "ben", "chidi", "dana"], "🧗": ["elif", "ben"] },
    }),
    says("yusuf", yesterday("18:05"), "Works for me. It opens at six, and the bus stops right outside."),
    says("chidi", yesterday("18:11"), "I have two spare passes, first come first served: www.hall.example"),
    { by: "ben", at: yesterday("18:15"), adds: "maryam" },
    says("maryam", yesterday("18:21"), "مرحباً! هل أحتاج إلى حذاء خاص؟"),
    says("ben", yesterday("18:24"), "You can rent shoes at the desk.", { edited: "You can rent shoes at the desk, they have every size." }),
    says("chidi", today("09:15"), "wrong chat", { deleted: today("09:16") }),
    says("ada", today("17:31"), "Booked for eight people at seven."),
    says("ada", today("17:31"), "Pay at the desk, I only reserved.", {
      reactions: { "🎉": ["elif", "ben", "chidi", "dana", "hana"], "❤️": ["yusuf", "ben", "maryam"] },
    }),
    says("ben", today("17:33"), "🧗‍♀️ 💪"),
    says("maryam", today("17:34"), "Can somebody bring chalk?"),
  ],
  types: ["ada", "chidi"],
};
