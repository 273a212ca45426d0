// Ends this browser's session. The server's answer takes the cookie away; a page's script cannot.
document.addEventListener("click", async (event) => {
  if (!event.target.closest || !event.target.closest("#log-out")) return;
  const answer = await fetch("/logout", { method: "POST" }).catch(() => null);
  if (answer && (answer.ok || answer.status === 401)) location.assign("/login");
});
