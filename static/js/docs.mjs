// The API's interactive documentation: the vendored Swagger UI over the service's own schema.

const DARK = "(prefers-color-scheme: dark)";

/** Whether the page is dark: its own theme first, else the system's. */
export const isDark = (theme, systemDark) => (theme ? theme === "dark" : systemDark);

function start(document) {
  const root = document.documentElement;
  const system = window.matchMedia(DARK);
  const paint = () => root.classList.toggle("dark-mode", isDark(root.dataset.theme, system.matches));
  new MutationObserver(paint).observe(root, { attributeFilter: ["data-theme"] });
  system.addEventListener("change", paint);
  paint();
  const place = document.querySelector("[data-schema]");
  window.SwaggerUIBundle({
    url: place.dataset.schema,
    domNode: place,
    deepLinking: true,
    validatorUrl: null, // the default sends the schema's address to another site
    supportedSubmitMethods: ["get", "post", "delete"],
  });
}

if (typeof document !== "undefined" && document.querySelector("[data-schema]")) start(document);
