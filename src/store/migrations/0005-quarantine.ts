/** GPUs that are kept out of use until a person clears them, and why. */
export const quarantine = `
ALTER TABLE gpus ADD COLUMN quarantine TEXT;
`;
