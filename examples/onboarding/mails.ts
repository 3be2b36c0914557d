/** What is written to a new customer, by the name of the template. */
export const MAILS = {
  welcome: { subject: "Welcome", text: "Your account is ready. Sign in once, and it is yours." },
  tips: {
    subject: "Three things to try first",
    text: "Invite somebody, connect a calendar, make a project.",
  },
  reminder: {
    subject: "Your account waits for you",
    text: "You have not signed in yet. It takes a minute.",
  },
  "first-project": {
    subject: "Your first project",
    text: "Projects keep what belongs together. Here is one to copy.",
  },
  congratulations: {
    subject: "Well begun",
    text: "Your first project is there. This is what others do next.",
  },
  survey: {
    subject: "How was your first month?",
    text: "One question: would you recommend us, from 0 to 10?",
  },
  thanks: { subject: "Thank you", text: "We have read your answer." },
} as const;

export type Template = keyof typeof MAILS;
