// A dialog: focus goes in and comes back, Escape closes, the rest of the page is out of reach. Loaded when first needed.
import type { ReactNode } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";

export default function Dialog({
  title,
  close,
  wide = false,
  alert = false,
  children,
}: {
  readonly title: string;
  readonly close: () => void;
  readonly wide?: boolean;
  /** It asks for a decision that cannot be taken back. */
  readonly alert?: boolean;
  readonly children: ReactNode;
}) {
  return (
    <ModalOverlay
      className="overlay"
      isOpen
      isDismissable={!alert}
      onOpenChange={(isOpen) => {
        if (!isOpen) close();
      }}
    >
      <Modal className={`dialog ${wide ? "wide" : ""}`}>
        <AriaDialog role={alert ? "alertdialog" : "dialog"} className="dialog-body">
          <Heading slot="title" level={2}>
            {title}
          </Heading>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}
