/** The terminal that a command runs in. */
export const terminals = `
ALTER TABLE jobs ADD COLUMN terminal TEXT;
`;
