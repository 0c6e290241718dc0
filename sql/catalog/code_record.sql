-- Which release made the code that is there, and what it made.
SELECT release, objects
  FROM public._atb_code
