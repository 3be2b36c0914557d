/** Of 12 characters and more, what people choose first: in small letters. What is shorter is no password anyway. */
export const COMMON_PASSWORDS: ReadonlySet<string> = new Set(
  `
  123456789012 1234567890123 12345678901234 123456789123 1234567891234 1234567890ab 123123123123 012345678910
  0123456789012 098765432109 987654321098 112233445566 102030405060 123454321234 147258369147 159357159357
  1q2w3e4r5t6y 1q2w3e4r5t6y7u 1qaz2wsx3edc 1qaz2wsx3edc4rfv 1qazxsw23edc q1w2e3r4t5y6 zaq12wsxcde3 zaq1zaq1zaq1
  qwertyuiop12 qwertyuiop123 qwertyuiop1234 qwerty123456 qwerty1234567 qwertyqwerty qwertyuiopasdf qwertyuiop[]
  asdfghjkl123 asdfghjkl1234 asdfasdfasdf zxcvbnm12345 zxcvbnm123456 azertyuiop12 azertyuiop123
  qazwsxedcrfv qazwsxedc123 abcdefghijkl abcdefghijklm abc123abc123 abcd12345678 a1b2c3d4e5f6 aa1234567890
  password1234 password12345 password123456 password2024 password2025 password2026 password2027 passwordpassword
  password!123 password123! password@123 password1234! passw0rd1234 p@ssw0rd1234 p@ssword1234 p4ssw0rd1234
  mypassword123 mypassword1234 newpassword1 newpassword123 thepassword1 testpassword testpassword1 testpassword123
  defaultpassword temppassword temporarypassword changemechangeme changeme1234 changeme12345 changeme123!
  pleasechangeme secretpassword secretsecret secret123456 supersecret1 topsecret123 letmeinletmein letmein12345
  letmein123456 letmeinplease welcomewelcome welcome12345 welcome123456 welcome12024 welcome2025! welcome2026!
  administrator administrator1 administrator123 adminadminadmin admin1234567 admin12345678 admin123admin
  adminpassword adminpassword1 adminpassword123 rootpassword rootrootroot useruseruser userpassword testtesttest
  testtest1234 test12345678 test123456789 demodemodemo guestguestguest operator1234 superuser123 superadmin123
  iloveyou1234 iloveyou12345 iloveyou123456 iloveyouforever iloveyousomuch ihateyou1234 football1234 basketball12
  basketball123 baseball1234 liverpool123 liverpool1234 manchester12 manchesterunited barcelona123 barcelona1234
  sunshine1234 princess1234 princess12345 superman1234 batman123456 spiderman123 starwars1234 pokemon12345
  michael12345 jennifer1234 jordan123456 charlie12345 alexander123 christopher1 dragon123456 monkey123456
  shadow123456 master123456 computer1234 internet1234 whatever1234 trustno1trustno1 correcthorsebatterystaple
  summer2024!! summer2025!! summer2026!! winter2024!! winter2025!! winter2026!!
  january12345 december1234 november1234 millracemillrace millrace1234 millrace12345 millrace123456 millraceadmin
  `
    .trim()
    .split(/\s+/),
);
