// E-mail over SMTP, one connection for each message. Plain text; addresses come from the configuration alone, and a title with
// line breaks cannot add a header (nodemailer folds and encodes it, and words.ts has made it one line).
import { createTransport } from "nodemailer";
import { reveal } from "../secret.ts";
import type { ReceiverPlan } from "./plan.ts";
import type { Message } from "./receivers.ts";
import { textOf, titleOf } from "./words.ts";

export async function sendMail(
  plan: Extract<ReceiverPlan, { readonly type: "email" }>,
  message: Message,
  timeoutMs: number,
): Promise<void> {
  const [first] = message;
  const transport = createTransport({
    host: plan.host,
    port: plan.port,
    secure: plan.security === "tls",
    requireTLS: plan.security === "starttls",
    ignoreTLS: plan.security === "none",
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(plan.user === null || plan.password === null
      ? {}
      : { auth: { user: reveal(plan.user), pass: reveal(plan.password) } }),
  });
  const domain =
    plan.from
      .split("@")
      .at(-1)
      ?.replace(/[^a-zA-Z0-9.-]/g, "") || "prunella.invalid";
  const idOf = (text: string): string => `<${text.replaceAll(/[^a-zA-Z0-9.-]/g, "-").slice(0, 100)}@${domain}>`;
  try {
    await transport.sendMail({
      from: plan.from,
      to: [...plan.to],
      subject: titleOf(message),
      text: textOf(message),
      // The same in every attempt, so a mailbox that drops repeats can; and all mails about one alert make a thread.
      messageId: idOf(first.key),
      references: idOf(first.alert ?? first.key),
      date: new Date(first.at),
      headers: { "auto-submitted": "auto-generated", "x-prunella-alert": first.alert ?? first.key },
    });
  } catch (error) {
    throw new Error(
      `mail to ${plan.host}:${plan.port} was not taken: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  } finally {
    transport.close();
  }
}
