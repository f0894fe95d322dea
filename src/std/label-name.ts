/** What the name of a job's label looks like: 1 to 63 letters, digits or any of _ . / -, a letter or digit first. */
export const LABEL_NAME = /^[A-Za-z0-9][A-Za-z0-9_./-]{0,62}$/;
